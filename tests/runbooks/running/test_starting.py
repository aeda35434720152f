"""A run in a process of its own is there at once, and goes on without whoever has asked."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.runbooks.notebooks import PARAMETERS, write_runbook
from tests.runbooks.running.said import RESULT
from tradingkb.exceptions import ConfigurationError, InvalidInputError, UnknownWorkspaceError
from tradingkb.runbooks import MIMETYPE, start_runbook
from tradingkb.runbooks.running import __main__ as child
from tradingkb.runbooks.running import starting
from tradingkb.settings import Settings, load_settings
from tradingkb.testing.trial_store_runbooks import runbook_run

SAY = f"from IPython.display import display\ndisplay({{{MIMETYPE!r}: {RESULT!r}}}, raw=True)"


@pytest.fixture
def settings(tmp_path: Path, open_kb: Any) -> Settings:
    open_kb().create_workspace("default")
    write_runbook(tmp_path, "01_first", [SAY], destructive=False)
    return load_settings(home=tmp_path / "home", runbooks_dir=tmp_path)


def runs(settings: Settings) -> list[dict[str, Any]]:
    with tkb.connect(settings=settings, progress=False) as kb:
        return kb.runbook_runs().to_dicts()


def test_a_run_is_started_and_ends_by_itself(settings: Settings) -> None:
    begun = start_runbook(settings, "01", {"count": 5}, actor="ada", deadline_s=300)
    assert (begun.state, begun.outcome, begun.parameters["count"]) == ("starting", None, 5)
    with tkb.connect(settings=settings, progress=False) as kb:
        until = time.monotonic() + 60
        while (found := kb.runbook_run(begun.run_id))["state"] != "ended":
            assert time.monotonic() < until, found
            time.sleep(0.1)
    assert (found["outcome"], found["error"], found["actor"]) == ("nothing_to_do", None, "ada")
    assert (found["deadline_s"], found["parameters"]["count"]) == (300, 5)
    assert (settings.runbook_folder / str(found["report"])).is_file()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"count": "many"}, InvalidInputError),
        ({"workspace": "nobody"}, UnknownWorkspaceError),
        ({"counts": 1}, InvalidInputError),
    ],
)
def test_what_cannot_be_run_is_not_started(
    settings: Settings, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        start_runbook(settings, "01", given, actor="ada")
    assert runs(settings) == []


def test_a_process_that_cannot_be_started_leaves_a_failed_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(starting.subprocess, "Popen", refuse)
    with pytest.raises(ConfigurationError, match="Cannot allocate memory"):
        start_runbook(settings, "01", {}, actor="ada")
    (row,) = runs(settings)
    assert (row["state"], row["outcome"]) == ("ended", "failed")
    assert "Cannot allocate memory" in row["error"]


def test_the_other_process_gets_what_was_asked_and_the_settings_in_force(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen, told = subprocess.Popen, {}

    def instead(words: list[str], env: dict[str, str], **options: Any) -> Any:
        told.update(env=env, words=words, session=options["start_new_session"])
        return popen(["cat"], **{**options, "stdout": subprocess.DEVNULL})

    monkeypatch.setattr(starting.subprocess, "Popen", instead)
    monkeypatch.setattr(starting.json, "dump", lambda asked, _: told.update(asked=asked))
    write_runbook(
        Path(str(settings.runbooks_dir)),
        "01_first",
        parameters=PARAMETERS + 'since: "date | None" = None  # from when\n',
    )
    given = {"count": 5, "since": date(2026, 1, 31)}
    begun = start_runbook(settings, "01", given, actor="ada")
    assert told["words"][1:] == ["-m", "tradingkb.runbooks.running"]
    assert told["session"]
    assert told["env"]["TRADINGKB_HOME"] == str(settings.absolute_home)
    asked = json.loads(json.dumps(told["asked"]))
    assert (asked["name"], asked["run_id"]) == ("01_first", begun.run_id)
    assert asked["parameters"] == {"count": 5, "since": "2026-01-31"}
    assert asked["actor"] == "ada"


def test_what_the_other_process_refuses_ends_the_row(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child.signal, "signal", lambda *_: None)
    run = runbook_run(1, runbook="01_first")
    with tkb.connect(settings=settings, progress=False) as kb:
        kb.use_cases.store.add_runbook_run(run)
    asked = {"name": "01", "parameters": {"no": 1}, "actor": "ada", "deadline_s": None}
    assert child.main({**asked, "run_id": run.run_id}, settings) == 1
    (row,) = runs(settings)
    assert (row["state"], row["outcome"]) == ("ended", "failed")
    assert "unknown parameter" in row["error"]
