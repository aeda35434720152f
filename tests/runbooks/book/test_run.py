"""A run plans, acts, and says what it did; without a kernel, as a program calls it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tradingkb as tkb
from tests.runbooks.notebooks import write_runbook
from tests.service.process import free_port
from tradingkb.exceptions import (
    BackendUnavailableError,
    InvalidInputError,
    NotFoundError,
    WorkspaceBusyError,
)
from tradingkb.resilience import Policy, doors
from tradingkb.runbooks import RESULT_SCHEMA, Run, RunbookFailedError, begin


@pytest.fixture
def started(
    tmp_path: Path, sqlite_schema: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Run]]:
    """Begins a run of a small runbook on an empty store; what is not finished is closed."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(sqlite_schema, home / "tradingkb.db")
    (tmp_path / "books").mkdir()
    write_runbook(tmp_path / "books", "01_first")
    write_runbook(tmp_path / "books", "02_reads", destructive=False)
    write_runbook(tmp_path / "books", "03_repairs", destructive=False, without_store=True)
    monkeypatch.setenv("TRADINGKB_HOME", str(home))
    monkeypatch.setenv("RUNBOOKS_DIR", str(tmp_path / "books"))
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("default")
    runs: list[Run] = []

    def start(name: str = "01_first", **given: Any) -> Run:
        runs.append(begin(name, {"workspace": "default", "dry_run": True, **given}))
        return runs[-1]

    yield start
    for run in runs:
        run._stack.close()


def finished(run: Run) -> dict[str, Any]:
    found = run.result().model_dump()
    jsonschema.validate(json.loads(json.dumps(found)), RESULT_SCHEMA)
    run.finish()
    return found


def test_a_dry_run_does_nothing_and_says_how_it_is_done(started: Callable[..., Run]):
    done: list[str] = []
    run = started(count=4)
    run.step("one", "do one thing", do=lambda: done.append("one"), expect={"n": 1})
    text = repr(run.carry_out())
    found = finished(run)
    assert done == []
    assert "planned" in text
    assert found["outcome"] == "needs_decision"
    assert found["next_steps"] == [
        {
            "why": "do what is planned here",
            "command": "tradingkb runbook run 01_first -p workspace=default -p count=4 "
            "-p dry_run=false",
        }
    ]


def test_what_is_carried_out_says_where_it_differed_from_its_plan(started: Callable[..., Run]):
    run = started(dry_run=False)
    run.step("one", "one", do=lambda: {"n": 1, "m": 2}, expect={"n": 1}, undo="tradingkb undo {m}")
    run.step("two", "two", do=lambda: {"n": 3}, expect={"n": 2, "m": 1})
    run.carry_out()
    found = finished(run)
    one, two = found["actions"]
    assert (one["state"], one["differs"], one["undo"]) == ("done", [], "tradingkb undo 2")
    assert two["differs"] == ["n: planned 2, was 3", "m: planned 1, was not told"]
    assert found["outcome"] == "needs_decision"


def test_after_a_step_that_failed_nothing_else_is_done(
    started: Callable[..., Run], capsys: pytest.CaptureFixture[str]
):
    done: list[str] = []
    run = started(dry_run=False)
    run.step("one", "one", do=lambda: done.append("one"), undo="tradingkb undo")
    run.step("two", "two", do=lambda: {}["missing"])
    run.step("three", "three", do=lambda: done.append("three"))
    run.carry_out()
    run.step("four", "four", do=lambda: done.append("four"))
    run.carry_out()
    assert done == ["one"]
    found = run.result()
    assert [one.state for one in found.actions] == ["done", "failed", "skipped", "skipped"]
    assert found.next_steps[0].command == "tradingkb undo"
    with pytest.raises(RunbookFailedError, match="two: KeyError"):
        run.finish()
    assert "Failed" in capsys.readouterr().out


def test_what_is_not_verified_has_failed_even_if_every_step_was_done(started: Callable[..., Run]):
    run = started(dry_run=False)
    run.step("one", "one", do=dict)
    run.carry_out()
    assert run.verify("two is two", ok=True)
    assert not run.verify("one is two", ok=False, one=1, two=2)
    assert run.failed
    with pytest.raises(RunbookFailedError, match="NOT VERIFIED: one is two"):
        run.finish()


def test_a_finding_that_an_action_heals_leaves_nothing_to_decide(started: Callable[..., Run]):
    run = started(dry_run=False)
    run.find("something is broken", "critical", healed_by="mend")
    run.step("mend", "mend it", do=dict)
    run.carry_out()
    assert finished(run)["outcome"] == "done"


def test_two_steps_cannot_share_a_key(started: Callable[..., Run]):
    run = started()
    run.step("one", "one", do=dict)
    with pytest.raises(ValueError, match="two steps are called 'one'"):
        run.step("one", "another", do=dict)


def test_two_runs_that_change_one_workspace_never_overlap(started: Callable[..., Run]):
    first = started(dry_run=False)
    with pytest.raises(WorkspaceBusyError, match="another runbook is changing workspace 'default'"):
        started(dry_run=False)
    first.finish()
    started(dry_run=False).finish()


def test_dry_runs_and_those_that_only_read_are_free_to_overlap(started: Callable[..., Run]):
    started(dry_run=False)
    started(dry_run=True).finish()
    started("02_reads", dry_run=False).finish()


def test_a_run_whose_lease_was_broken_does_no_further_step(started: Callable[..., Run]):
    done: list[str] = []
    run = started(dry_run=False)
    (lease,) = run._leases.values()
    lease._beat.lost = True
    run.step("one", "one", do=lambda: done.append("one"))
    run.carry_out()
    assert (done, run.failed) == ([], True)


def test_a_parameter_that_a_program_injected_is_checked_like_all_others(
    started: Callable[..., Run],
):
    cells = ["", 'workspace: str = "default"', '# Parameters\nworkspce = "desk"\n']
    with pytest.raises(NotFoundError, match="did you mean workspace"):
        started(In=cells, workspce="desk")
    with pytest.raises(InvalidInputError, match="count"):
        started(count="many")
    with pytest.raises(NotFoundError, match="unknown workspace"):
        started(workspace="nobody")
    # What later cells have set is no parameter: the guard may be run again in Jupyter.
    started(In=cells[:2], other=5).finish()


def test_a_secret_is_read_from_the_variable_that_is_named(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    run = started()
    run.parameters["token_env"] = "SOME_TOKEN"
    with pytest.raises(InvalidInputError, match="token_env: the environment has no SOME_TOKEN"):
        run.secret("token_env")
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    assert run.secret("token_env") == "s3cret"


def test_where_the_store_is_away_only_a_runbook_that_can_go_on_without_it_begins(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    away = f"postgresql+psycopg://kb:s3cret-pw@127.0.0.1:{free_port()}/kb"
    monkeypatch.setenv("DATABASE_URL", away)
    monkeypatch.setattr(doors, "POLICIES", {**doors.POLICIES, "db": Policy(5.0, attempts=1)})
    with pytest.raises(BackendUnavailableError):
        started("02_reads")
    run = started("03_repairs")
    with pytest.raises(BackendUnavailableError, match="the store does not answer"):
        run.kb.workspaces()
    with pytest.raises(BackendUnavailableError):
        run.reopen()
    assert "s3cret-pw" not in (run.store_error or "s3cret-pw")
    monkeypatch.delenv("DATABASE_URL")
    run.reopen()
    assert run.store_error is None
    assert run.kb.workspaces()["slug"].to_list() == ["default"]
    run.finish()


def test_what_was_done_before_somebody_interrupts_is_not_forgotten(started: Callable[..., Run]):
    """In Jupyter the cells that follow can still be run, and must not say that nothing was done."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    run = started(dry_run=False)
    run.step("one", "one", do=dict, undo="tradingkb undo")
    run.step("two", "two", do=interrupted)
    run.step("three", "three", do=dict)
    with pytest.raises(KeyboardInterrupt):
        run.carry_out()
    found = run.result()
    assert [one.state for one in found.actions] == ["done", "failed", "skipped"]
    assert (found.outcome, found.actions[1].error) == ("failed", "KeyboardInterrupt")
    assert [step.command for step in found.next_steps] == ["tradingkb undo"]


def test_a_step_that_was_not_begun_is_not_to_be_undone(started: Callable[..., Run]):
    run = started(dry_run=False)
    with tkb.connect(progress=False) as kb:
        (lease,) = kb.leases().to_dicts()
        kb.break_lease(lease["name"], reason="a test")
    run.step("one", "one", do=dict, undo="tradingkb undo")
    run.carry_out()
    found = run.result()
    assert found.actions[0].state == "failed"
    assert "was broken or taken over" in str(found.actions[0].error)
    assert found.next_steps == []


def test_a_step_that_failed_is_undone_by_what_an_earlier_one_has_told(started: Callable[..., Run]):
    run = started(dry_run=False)
    run.step("keep", "keep it", do=lambda: {"snapshot": "s 1"})
    run.step("delete", "delete it", do=lambda: {}["gone"], undo="tradingkb back '{snapshot}'")
    run.carry_out()
    assert [step.command for step in run.result().next_steps] == ["tradingkb back 's 1'"]


def test_the_guard_may_be_run_again_in_one_notebook(started: Callable[..., Run]):
    first = started(dry_run=False)
    started(run=first, dry_run=False).finish()


def test_a_command_means_in_a_shell_what_it_was_made_of(started: Callable[..., Run]):
    odd = "it's\n\x1b[2J \u202e $HOME `id` \\ \U000e0001é"
    command = started().command("06", trials=odd, since=None)
    assert command.isprintable()
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True
    )
    words = told.stdout.decode().split("\0")[:-1]
    expected = [f"{name}={value}" for name, value in (("trials", odd), ("since", ""))]
    assert [word for word in words if "=" in word] == ["workspace=default", *expected]


def test_what_is_said_is_one_line_that_a_terminal_only_shows(started: Callable[..., Run]):
    odd = "a\nb \x1b[2J"
    run = started()
    run.find(odd)
    run.next(odd)
    run.step("one", odd, do=dict)
    found = run.result()
    told = {found.findings[0].what, found.next_steps[0].why, found.actions[0].what}
    assert told == {"a b \\x1b[2J"}


def test_no_password_of_a_url_is_told(started: Callable[..., Run]):
    url = "http://kb:s3cret-pw@qdrant:6333"
    run = started(dry_run=False)
    run.parameters["trials"] = url
    run.find(f"{url} is away", error=f"no answer of {url}", all=[{"url": url}])
    run.next(f"look at {url}", f"curl {url}")
    run.step("one", f"ask {url}", do=lambda: {"url": url}, undo=f"curl {url}")
    run.carry_out()
    assert "s3cret-pw" not in run.result().model_dump_json()
    run.finish()
