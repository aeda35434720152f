"""`tradingkb runbook run` and `history`: what is asked for, what is said, and the exit codes."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

import tradingkb as tkb
import tradingkb.runbooks
from tests.runbooks.notebooks import write_runbook
from tradingkb.cli.app import app
from tradingkb.cli.runbook_runs import EXIT_BY_OUTCOME
from tradingkb.ports import RunbookOutcome, RunbookRun
from tradingkb.runbooks import CellAt
from tradingkb.settings.model import Settings
from tradingkb.testing.trial_store_runbooks import at, runbook_run

Run = Callable[[str], Result]
RESULT: dict[str, Any] = {
    "findings": [{"severity": "warning", "what": "it is odd\x1b[2J"}],
    "actions": [{"state": "failed", "what": "do it", "error": "no room"}],
    "next_steps": [
        {"why": "try again", "command": "tradingkb runbook run 06"},
        {"why": "look at it", "command": None},
    ],
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    for setting in Settings.model_fields.values():
        monkeypatch.delenv(str(setting.alias), raising=False)
    place = ["--home", str(tmp_path / "home")]
    return lambda line: CliRunner().invoke(app, [*place, "runbook", *shlex.split(line)])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """In place of a run: what was asked for; the first entry is what comes of it."""
    found: list[Any] = [runbook_run(state="ended", outcome="done", cell_done=2, cell_total=2)]

    def instead(settings: Settings, name: str, given: Any, **options: Any) -> RunbookRun:
        found.append((name, given, options))
        for cell in (CellAt(1, 2, "Look"), CellAt(1, 2, "Look", 0.25), CellAt(2, 2, "Act\x1b[2J")):
            options["told"](cell)
        run = found[0]
        if isinstance(run, BaseException):
            raise run
        return run

    monkeypatch.setattr(tradingkb.runbooks, "run_runbook", instead)
    return found


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("run 06", {}),
        ("run 06 -p a=1 -p 'b=x = y' -p c=", {"a": "1", "b": "x = y", "c": ""}),
        ("run 06 --apply -p a=1", {"a": "1", "dry_run": False}),
        ("run 06 -p dry_run=false", {"dry_run": "false"}),
    ],
)
def test_parameters_are_passed_on_as_they_are_written(
    run: Run, asked: list[Any], line: str, given: dict[str, Any]
) -> None:
    assert run(line).exit_code == 0
    assert asked[1][:2] == ("06", given)


def test_who_asks_and_for_how_long_is_passed_on(run: Run, asked: list[Any]) -> None:
    run("run 06 --actor ada --deadline 90")
    assert (asked[1][2]["actor"], asked[1][2]["deadline_s"]) == ("ada", 90.0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run 06 -p a", "'a' is not of the form name=value"),
        ("run 06 -p =a", "'=a' is not of the form name=value"),
        ("run 06 -p a=1 -p a=2", "'a=2' is given twice"),
        ("run 06 --apply -p dry_run=true", "--apply and -p dry_run are both given"),
    ],
)
def test_what_is_no_parameter_is_refused_before_anything_starts(
    run: Run, asked: list[Any], line: str, said: str
) -> None:
    result = run(line)
    assert (result.exit_code, len(asked)) == (2, 1)
    assert said in result.stderr


def test_the_exit_code_is_that_of_the_outcome(run: Run, asked: list[Any]) -> None:
    outcomes: tuple[RunbookOutcome, ...] = ("done", "nothing_to_do", "needs_decision", "failed")
    assert set(outcomes) == set(EXIT_BY_OUTCOME)
    for outcome, code in zip(outcomes, (0, 10, 11, 8), strict=True):
        asked[0] = runbook_run(state="ended", outcome=outcome)
        assert run("run 06").exit_code == code


def test_a_person_reads_progress_outcome_findings_and_what_to_do_next(
    run: Run, asked: list[Any], tmp_path: Path
) -> None:
    ended = {"state": "ended", "outcome": "failed", "error": "do it: no room", "result": RESULT}
    asked[0] = runbook_run(**ended, notebook="06/a.ipynb", report="06/a.html", cell_total=2)
    result = run("run 06")
    assert result.stderr == "1/2 Look ... 0.2 s\n2/2 Act\\x1b[2J ...\n"
    folder = tmp_path / "home" / "runbooks"
    assert result.stdout.splitlines() == [
        "failed: do it: no room",
        "  warning: it is odd\\x1b[2J",
        "  failed: do it (no room)",
        "next: try again",
        "  tradingkb runbook run 06",
        "next: look at it",
        str(folder / "06/a.html"),
        str(folder / "06/a.ipynb"),
    ]


def test_a_program_reads_one_json_document(run: Run, asked: list[Any]) -> None:
    asked[0] = runbook_run(state="ended", outcome="needs_decision", result=RESULT)
    result = run("run 06 --json")
    assert json.loads(result.stdout) == asked[0].to_dict()
    assert result.exit_code == 11


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_and_the_end_of_the_terminal_interrupt_a_run_and_are_as_before_afterwards(
    run: Run, asked: list[Any], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    during: list[Any] = []
    monkeypatch.setattr(
        "tradingkb.cli.runbook_runs._tell", lambda _: during.append(signal.getsignal(number))
    )
    asked[0] = KeyboardInterrupt()
    for handler, then in (
        (signal.SIG_DFL, signal.default_int_handler),
        (signal.SIG_IGN, signal.SIG_IGN),  # as under nohup
    ):
        before = signal.signal(number, handler)
        try:
            assert run("run 06").exit_code == 130
            assert during.pop(0) is then
            assert signal.getsignal(number) is handler
        finally:
            signal.signal(number, before)
        during.clear()


def test_that_nobody_reads_its_progress_ends_no_run(
    run: Run, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tradingkb runbook run 06 2>&1 | head` closes the pipe in the middle of a change."""
    echo = typer.echo

    def closed(text: str = "", *, err: bool = False, nl: bool = True) -> None:
        if err:
            raise BrokenPipeError
        echo(text, nl=nl)

    monkeypatch.setattr("tradingkb.cli.runbook_runs.typer.echo", closed)
    assert run("run 06").exit_code == 0
    assert len(asked) == 2


def test_a_mistake_is_one_line_with_the_near_name(run: Run, tmp_path: Path) -> None:
    write_runbook(tmp_path, "01_first")
    result = run("run 01 -p cuont=3")
    assert result.exit_code == 2
    known = CliRunner().invoke(
        app, ["runbook", "run", "01", "-p", "cuont=3"], env={"RUNBOOKS_DIR": str(tmp_path)}
    )
    assert (known.exit_code, known.stdout) == (2, "")
    assert "did you mean count?" in known.stderr


def test_history_is_a_table_or_json_and_one_run_is_told_whole(run: Run, tmp_path: Path) -> None:
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        for n, name in enumerate(("06_trial_ingestion", "09_daily"), 1):
            kb.use_cases.store.add_runbook_run(runbook_run(n, runbook=name))
        last = runbook_run(2).run_id
        kb.use_cases.store.end_runbook_run(last, at(3), "failed", error="[no]", result=RESULT)
    table = run("history").stdout
    assert table.index("09_daily") < table.index("06_trial_ingestion")
    assert last in table
    assert "[no]" in table
    rows = json.loads(run("history 06_trial_ingestion --json").stdout)
    assert [(row["runbook"], row["state"]) for row in rows] == [("06_trial_ingestion", "lost")]
    assert rows[0]["parameters"]["workspace"] == "default"
    assert json.loads(run(f"history --run {last}").stdout)["result"] == RESULT
    assert run("history --workspace nobody").exit_code == 0
    assert run("history --run none").exit_code == 2
