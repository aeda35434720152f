"""What goes wrong before a kernel starts, or beside it, and who is told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_output

from tests.runbooks.notebooks import PARAMETERS, write_runbook
from tests.runbooks.running.said import RESULT
from tradingkb.exceptions import BackendUnavailableError, ConfigurationError, InvalidInputError
from tradingkb.ports import RunbookRun
from tradingkb.runbooks import MIMETYPE, run_runbook
from tradingkb.runbooks.running import making
from tradingkb.runbooks.running.files import RunFiles
from tradingkb.settings import Settings, load_settings

Settle = Callable[..., Settings]


@pytest.fixture
def settings(tmp_path: Path, open_kb: Any) -> Settle:
    """Settings of a store with a workspace, a runbook, and somebody who keeps what is told."""
    open_kb().create_workspace("default")
    write_runbook(tmp_path, "01_first", ["1"], destructive=False)

    def of(**more: Any) -> Settings:
        keep = shlex.join(["tee", str(tmp_path / "told")])
        given = {"home": tmp_path / "home", "runbooks_dir": tmp_path, "runbook_on_failure": keep}
        return load_settings(**{**given, **more})

    return of


def run(settings: Settings, parameters: dict[str, Any] | None = None, **more: Any) -> RunbookRun:
    return run_runbook(settings, "01", parameters or {}, **{"actor": "ada", **more})


def told(tmp_path: Path) -> Any:
    path = tmp_path / "told"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In place of a kernel: the notebook has shown its result."""
    times: list[int] = []

    def instead(self: Any, *_: Any) -> tuple[None, None]:
        times.append(1)
        shown = new_output("display_data", {MIMETYPE: RESULT})
        self._notebook = making._prepared(self._what)
        self._notebook.cells[-1].outputs = [shown]
        self._save(self._notebook)
        return None, None

    monkeypatch.setattr(making.Making, "_executed", instead)
    return times


def test_where_the_notebook_cannot_be_kept_nothing_is_executed(
    settings: Settle, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    found = run(settings(runbook_output=tmp_path / "out"))
    assert (found.state, found.outcome, found.cell_total) == ("ended", "failed", 0)
    assert found.error is not None
    assert found.error.startswith("nothing was executed; ")
    assert ".ipynb could not be written: Not a directory" in found.error
    assert (found.notebook, found.report) == (None, None)
    assert told(tmp_path) == found.to_dict()


def test_no_secret_is_on_the_disk_while_a_run_goes_on(
    settings: Settle, tmp_path: Path, executed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner that is killed leaves what it has written so far."""
    monkeypatch.setattr(making.Making, "_closed", lambda *_: None)  # killed
    write_runbook(tmp_path, "02_urls", parameters=PARAMETERS + 'url: str = ""  # of it\n')
    given = {"url": "http://ann:geheim@host/", "count": "3"}
    run_runbook(settings(), "02", given, actor="ada")
    (kept,) = (tmp_path / "home" / "runbooks" / "02_urls").iterdir()
    text = kept.read_text(encoding="utf-8")
    assert "geheim" not in text
    assert text.count("http://ann:***@host/") == 2  # as a cell and as metadata


def test_an_interrupt_while_somebody_is_told_changes_no_outcome(
    settings: Settle, executed: list[int], monkeypatch: pytest.MonkeyPatch, open_kb: Any
) -> None:
    times: list[int] = []

    def told(*_: Any) -> None:
        times.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "tell_of_failure", told)
    monkeypatch.setattr(making, "runbook_report", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(making, "outcome_of_run", lambda *_: ("failed", "it broke"))
    with pytest.raises(KeyboardInterrupt):
        run(settings())
    assert len(times) == 1
    (row,) = open_kb().runbook_runs().to_dicts()
    assert row["error"].startswith("it broke")


def test_a_disk_that_is_full_at_the_end_makes_the_run_a_failed_one_and_is_said(
    settings: Settle, executed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if ".html" in path.name:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    found = run(settings())
    assert (found.outcome, found.report) == ("failed", None)
    assert found.error is not None
    assert found.error.endswith(".html could not be written: No space left on device")
    assert found.result == RESULT
    assert found.notebook is not None
    beside = Path(found.notebook).with_suffix(".json")
    kept = json.loads((settings().runbook_folder / beside).read_text(encoding="utf-8"))
    assert kept == found.to_dict()


def test_a_report_that_cannot_be_drawn_changes_no_outcome(
    settings: Settle, executed: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(making, "runbook_report", lambda *_, **__: 1 / 0)
    found = run(settings())
    assert found.outcome == "nothing_to_do"
    assert found.error == "the report could not be made: ZeroDivisionError: division by zero"
    assert told(tmp_path) is None


def test_an_error_of_this_program_ends_the_row(
    settings: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_prepared", lambda _: 1 / 0)
    found = run(settings())
    assert (found.outcome, found.error) == ("failed", "ZeroDivisionError: division by zero")


def test_that_nobody_could_be_told_is_in_the_row_and_changes_no_outcome(
    settings: Settle, open_kb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_prepared", lambda _: 1 / 0)
    found = run(settings(runbook_on_failure="no-such-command"))
    assert found.error is not None
    assert "; RUNBOOK_ON_FAILURE could not be told: 'no-such-command' cannot be" in found.error
    assert open_kb().runbook_run(found.run_id)["error"] == found.error


@pytest.mark.parametrize(
    ("given", "schedule", "error"),
    [
        ({"count": "many"}, None, InvalidInputError),
        ({"count": "many"}, "daily", InvalidInputError),
        ({"workspace": "nobody"}, "daily", InvalidInputError),
        ({}, None, ConfigurationError),
        ({}, None, BackendUnavailableError),
    ],
)
def test_of_a_run_that_could_not_start_somebody_is_told_unless_whoever_asked_reads_why(
    settings: Settle,
    tmp_path: Path,
    open_kb: Any,
    given: dict[str, Any],
    schedule: str | None,
    error: type[Exception],
) -> None:
    chosen = settings()
    if error is ConfigurationError:
        write_runbook(tmp_path, "01_first", parameters=None)
    if error is BackendUnavailableError:
        chosen = settings(database_url="postgresql+psycopg://ann:geheim@127.0.0.1:1/kb")
    with pytest.raises(error):
        run(chosen, given, schedule=schedule)
    assert open_kb().runbook_runs().is_empty()
    if schedule is None and error is InvalidInputError:
        assert told(tmp_path) is None
        return
    found = told(tmp_path)
    assert (found["outcome"], found["schedule"], found["runbook"]) == ("failed", schedule, "01")
    assert found["error"].startswith("it could not start: ")
    assert "geheim" not in json.dumps(found)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), 1e9])
def test_what_is_no_deadline_is_refused(settings: Settle, seconds: float) -> None:
    with pytest.raises(InvalidInputError, match="deadline"):
        run(settings(), deadline_s=seconds)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"actor": "a" * 200}, "actor"),
        ({"actor": "a\0b"}, "actor"),
        ({"run_id": "../../../elsewhere"}, "run_id"),
    ],
)
def test_what_no_database_stores_and_what_is_no_id_is_refused_before_anything_starts(
    settings: Settle, open_kb: Any, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        run(settings(), **given)
    assert refused.value.field == field
    assert open_kb().runbook_runs().is_empty()


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradingkb.testing.trial_store_runbooks import NOON

    files = RunFiles(tmp_path, "01", NOON, "7d9f4a52-0000-4000-8000-000000000001")
    assert files.name(".html") is None
    assert files.write(".html", "one \ud800")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    assert not files.write(".html", "another")
    assert files.path(".html").read_text(encoding="utf-8") == "one \\ud800"
    assert [path.name for path in (tmp_path / "01").iterdir()] == [files.path(".html").name]
    assert files.problems == [f"{files.path('.html').name} could not be written: full"]
    monkeypatch.undo()
    assert files.write(".html", "another")
    assert files.problems == []
