"""`tradingkb runbook run` and `history`: what is asked for, what is said, and the exit codes."""

from __future__ import annotations

import json
import re
import shlex
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

import tradingkb as tkb
import tradingkb.runbooks
from tests.runbooks.notebooks import write_runbook
from tradingkb.cli.app import app
from tradingkb.cli.output import columns_of_output
from tradingkb.cli.runbook_runs import EXIT_BY_OUTCOME
from tradingkb.ports import RunbookOutcome, RunbookRun
from tradingkb.runbooks import CellAt
from tradingkb.settings.model import Settings
from tradingkb.testing.trial_store_runbooks import at, runbook_run

Run = Callable[[str], Result]
RESULT: dict[str, Any] = {
    "findings": [{"severity": "warning", "what": "it is odd\x1b[2J"}],
    "actions": [
        {
            "state": "done",
            "what": "take them in",
            "actual": {
                "inserted": 1200,
                "share": 0.25,
                "run_id": "77",
                "names": ["a name"] * 20,
                "rejects_path": "/home/a b/rejects_77.csv",
            },
            "differs": ["inserted: planned 1201, was 1200"],
            "undo": 'tradingkb withdraw 77 --reason "undone"',
            "error": None,
        },
        {
            "state": "failed",
            "what": "do it",
            "actual": None,
            "differs": [],
            "undo": None,
            "error": "no room",
        },
        {
            "state": "planned",
            "what": "and more",
            "actual": None,
            "differs": [],
            "undo": "withdraw {run_id}",
            "error": None,
        },
    ],
    "next_steps": [
        {"why": "try again", "command": "tradingkb runbook run 06"},
        {"why": "look at it", "command": None},
    ],
}


ACTIONS_AND_NEXT = [
    "  done: take them in",
    "    inserted 1,200, share 0.25, run_id 77, names (20 entries)",
    "    differs: inserted: planned 1201, was 1200",
    "    refused rows: /home/a b/rejects_77.csv",
    '    undo: tradingkb withdraw 77 --reason "undone"',
    "  failed: do it (no room)",
    "  planned: and more",
    "next: try again",
    "  tradingkb runbook run 06",
    "next: look at it",
]


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
        *ACTIONS_AND_NEXT,
        str(folder / "06/a.html"),
        str(folder / "06/a.ipynb"),
        f"run {asked[0].run_id}",
    ]


def test_advice_of_a_failed_ingest_is_the_parameter_of_its_mapping(
    run: Run, asked: list[Any]
) -> None:
    error = 'no parameters (map one: mapping={"param_fast": "fast"})'
    asked[0] = runbook_run(state="ended", outcome="failed", error=error)
    said = run("run 06").stdout
    assert 'map one: -p map_file=FILE.toml with [map] param_fast = "fast"' in said
    assert "--map" not in said


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
            result = run("run 06")
            assert result.exit_code == 130
            assert "interrupted: the kernel was ended" in result.stderr
            assert "tradingkb runbook history shows" in result.stderr
            assert "the same command finishes" not in result.stderr
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


FIRST, LAST = (f"{n}234567{n}-0000-4000-8000-000000000000" for n in (1, 2))


@pytest.fixture
def ran(tmp_path: Path) -> None:
    """Two runs: of the first nobody has heard again, the second one has failed."""
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        store = kb.use_cases.store
        first = runbook_run(1, runbook="02_qdrant_collection_rebuild", run_id=FIRST)
        store.add_runbook_run(replace(first, schedule="daily", slot=at(0)))
        store.add_runbook_run(runbook_run(2, runbook="09_daily", run_id=LAST, dry_run=False))
        store.end_runbook_run(
            LAST, at(3), "needs_decision", error=f"[no] {'x' * 300}", result=RESULT, report="a.html"
        )


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("columns", ["60", "100", "250"])
def test_history_hides_nothing_that_decides_and_shortens_the_error_to_the_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    table = run("history").stdout.splitlines()
    assert [re.split("  +", line) for line in (*table[:2], table[3])] == [
        ["run", "started (UTC)", "runbook", "how", "outcome", "by"],
        ["22345672", "2024-03-31 12:02", "09_daily", "applied", "needs_decision", "ada"],
        [
            *("12345671", "2024-03-31 12:01", "02_qdrant_collection_rebuild"),
            *("dry", "lost", "schedule daily"),
        ],
    ]
    assert max(map(len, table[:2] + table[3:])) <= 100
    assert table[2].startswith("    [no] xxx")
    assert table[2].endswith("x ...")
    assert len(table[2]) == int(columns)


@pytest.mark.usefixtures("ran")
def test_history_is_json_for_a_program(run: Run) -> None:
    rows = json.loads(run("history 02_qdrant_collection_rebuild --json").stdout)
    assert [(row["run_id"], row["state"]) for row in rows] == [(FIRST, "lost")]
    assert rows[0]["parameters"]["workspace"] == "default"
    assert json.loads(run(f"history --run {LAST} --json").stdout)["result"] == RESULT
    assert run("history --workspace nobody").stdout == "no runs\n"


@pytest.mark.usefixtures("ran")
def test_one_run_is_told_whole_by_the_beginning_of_its_id(run: Run, tmp_path: Path) -> None:
    whole = run(f"history --run {LAST[:8]}").stdout.splitlines()
    assert whole == [
        "09_daily on workspace default, applied",
        f"run {LAST}, by ada, tradingkb 0.1.0",
        "started 2024-03-31 12:02:00 UTC, ended 2024-03-31 12:03:00 UTC, cells 0 of 0",
        f"needs_decision: [no] {'x' * 300}",
        "parameters:",
        "  workspace=default",
        "  since=null",
        "  limits=[1, 2.5]",
        "  warning: it is odd\\x1b[2J",
        *ACTIONS_AND_NEXT,
        str(tmp_path / "home" / "runbooks" / "a.html"),
    ]
    lost = run(f"history --run {FIRST}").stdout.splitlines()
    assert "dry run" in lost[0]
    assert "by schedule daily" in lost[1]
    assert lost[3] == "lost"


@pytest.mark.usefixtures("ran")
def test_a_run_that_is_named_by_no_id_or_by_the_beginning_of_several_is_refused(
    run: Run, tmp_path: Path
) -> None:
    with tkb.connect(tmp_path / "home", progress=False) as kb:
        kb.use_cases.store.add_runbook_run(runbook_run(3, run_id=FIRST[:-1] + "1"))
    assert run("history --run none").exit_code == 2
    result = run("history --run 1234")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 runs begin with '1234'" in result.stderr
    assert run(f"history --run {FIRST}").exit_code == 0


def test_a_table_in_a_pipe_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    assert columns_of_output() == 250
