"""Runs of runbooks and their schedules as they are shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dashboard.views import runs, schedules
from dashboard.views.report import framed
from dashboard.views.runbooks import Opens

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=2)
RUN = {
    "run_id": "r1",
    "runbook": "06_ingest",
    "version": "abc",
    "workspace": "default",
    "parameters": {"workspace": "default", "dry_run": True, "limit": 5},
    "dry_run": True,
    "actor": "ada",
    "schedule": None,
    "slot": None,
    "state": "ended",
    "outcome": "needs_decision",
    "error": None,
    "progress": {"done": 9, "total": 9},
    "cell": None,
    "started_at": "2026-11-28T11:00:00.000000Z",
    "heartbeat_at": "2026-11-28T11:00:50.000000Z",
    "ended_at": "2026-11-28T11:01:30.000000Z",
    "deadline_s": 600,
    "release": "0.1.0",
    "result": {
        "findings": [
            {"what": "three rows", "severity": "warning", "evidence": {"n": 3, "x": [1, "a"]}},
        ],
        "actions": [
            {
                "key": "ingest",
                "what": "take them in",
                "state": "done",
                "expected": {"inserted": 3},
                "actual": {"inserted": 2, "share": 0.123456789},
                "differs": ["inserted is 2 and not 3"],
                "undo": "tradingkb withdraw",
                "seconds": 1.4,
                "error": None,
            }
        ],
        "next_steps": [
            {"why": "do it", "command": "tradingkb runbook run 06_ingest -p dry_run=false"},
            {"why": "calibrate", "command": "tradingkb calibrate"},
            {"why": "think", "command": None},
        ],
    },
    "notebook": "06_ingest/20261128T110000_r1.ipynb",
    "report": "06_ingest/20261128T110000_r1.html",
}


def run(**changes):
    return {**RUN, **changes}


@pytest.mark.parametrize(
    ("changes", "told", "healthy"),
    [
        ({}, "needs a decision", False),
        ({"outcome": "done", "dry_run": False}, "06_ingest: done", True),
        ({"outcome": "nothing_to_do"}, "nothing to do", True),
        ({"outcome": "failed"}, "failed", False),
        ({"state": "lost", "outcome": None}, "lost", False),
        ({"state": "running", "outcome": None, "ended_at": None}, "running for 60 minutes", False),
    ],
)
def test_one_line_says_what_became_of_a_run(changes, told, healthy):
    line = runs.headline(run(**changes), NOW)
    assert told in line.text
    assert line.healthy == healthy
    assert ("dry run" in line.text) == run(**changes)["dry_run"]


def test_a_run_at_work_says_which_cell_of_how_many():
    at_work = run(state="running", outcome=None, cell="Plan", progress={"done": 2, "total": 9})
    assert runs.active(at_work)
    assert runs.progress_text(at_work) == "Cell 3 of 9: Plan"
    assert runs.done_share(at_work) == pytest.approx(2 / 9)
    begins = run(state="starting", outcome=None, progress={"done": 0, "total": 0})
    assert runs.progress_text(begins) == "The kernel is starting"
    assert runs.done_share(begins) == 0.0


def test_a_lost_run_is_not_waited_for_and_tells_its_last_sign_of_life():
    lost = run(state="lost", outcome=None, ended_at=None)
    assert not runs.active(lost)
    told = {line.name: line.told for line in runs.facts(lost, NOW)}
    assert told["Last sign of life"] == "11:00 UTC"
    assert told["Took"] == "50 seconds"


def test_a_run_without_a_result_points_only_to_what_is_there():
    lost = run(state="lost", outcome=None, result=None, notebook=None)
    assert runs.without_result(lost) == (
        "Its runner died or lost the store; its kernel has ended. Run it again."
    )
    failed = run(outcome="failed", result=None, error="the kernel died")
    assert runs.without_result(failed) == (
        "Why it ended stands above and in its executed notebook."
    )
    assert runs.without_result({**failed, "notebook": None}) == "Why it ended stands above."
    nothing = {**failed, "notebook": None, "error": None}
    assert runs.without_result(nothing) == "Nothing tells why. Run it again."


def test_the_facts_of_a_run_say_who_when_how_long_and_with_what():
    told = {line.name: (line.told, line.more) for line in runs.facts(RUN, NOW)}
    assert told["Took"][0] == "90 seconds"
    assert told["Asked for by"] == ("ada", "")
    assert told["Parameters"][0] == "-p workspace=default -p dry_run=true -p limit=5"
    assert told["Executed notebook"][0] == RUN["notebook"]
    due = run(schedule="nightly", slot="2026-11-28T02:30:00.000000Z")
    told = {line.name: line.more for line in runs.facts(due, NOW)}
    assert told["Asked for by"] == "schedule nightly, due 2026-11-28 02:30 UTC"


def test_findings_and_actions_show_their_figures():
    assert runs.finding_rows(RUN) == [("▲ warning", "three rows", 'n 3, x [1, "a"]')]
    assert runs.action_rows(RUN) == [
        (
            "take them in",
            "done",
            "inserted 3",
            "inserted 2, share 0.123457",
            "inserted is 2 and not 3",
            "1 second",
            "tradingkb withdraw",
        )
    ]
    nothing = run(result=None)
    assert (runs.finding_rows(nothing), runs.action_rows(nothing), runs.steps(nothing)) == (
        [],
        [],
        [],
    )


def test_next_steps_that_run_a_runbook_open_it():
    first, second, third = runs.steps(RUN)
    assert first.opens == Opens("06_ingest", None, {})
    assert (second.command, second.opens) == ("tradingkb calibrate", None)
    assert (third.command, third.opens) == (None, None)


def listed(*rows) -> pl.DataFrame:
    whole = [
        {
            "run_id": f"r{n}",
            "runbook": "06_ingest",
            "parameters": json.dumps({"workspace": "default", "dry_run": True, "limit": 5}),
            "dry_run": True,
            "actor": "ada",
            "schedule": None,
            "state": "ended",
            "outcome": "done",
            "cell_done": 9,
            "cell_total": 9,
            "started_at": NOW - timedelta(minutes=n),
            "heartbeat_at": NOW,
            "ended_at": NOW,
            **changes,
        }
        for n, changes in enumerate(rows)
    ]
    return pl.DataFrame(whole, infer_schema_length=None)


def test_the_list_of_runs_tells_states_and_outcomes_apart():
    rows = listed(
        {},
        {"state": "lost", "outcome": None, "ended_at": None, "schedule": "nightly"},
        {"state": "running", "outcome": None, "ended_at": None, "cell_done": 2, "dry_run": False},
    )
    shown = runs.history(rows, NOW)
    assert shown["outcome"].to_list() == ["✔ done", "✖ lost", "◐ running"]
    assert shown["cells"].to_list() == ["9 of 9", "9 of 9", "2 of 9"]
    assert shown["dry run"].to_list() == ["dry", "dry", ""]
    assert shown["run"].to_list() == ["r0", "r1", "r2"]
    assert runs.history(rows.clear(), NOW).schema == shown.schema


def test_the_last_dry_run_counts_for_the_same_parameters_alone():
    said = {"workspace": "default", "limit": 5}
    rows = listed({"dry_run": False}, {"outcome": "needs_decision"}, {"outcome": "failed"})
    assert runs.last_dry(rows, "06_ingest", said, NOW) == "needs a decision, at 11:59 UTC"
    assert runs.last_dry(rows, "06_ingest", {**said, "limit": 6}, NOW) is None
    assert runs.last_dry(rows, "02_rebuild", said, NOW) is None
    assert runs.last_dry(rows.clear(), "06_ingest", said, NOW) is None


def test_schedules_are_told_in_the_order_in_which_they_are_due():
    found = pl.DataFrame(
        {
            "name": ["wrong", "late", "soon", "gone"],
            "runbook": [None, "06", "09", "09"],
            "workspace": [None, "default", "default", "desk"],
            "cron": [None, "0 3 * * *", "0 3 * * *", "0 3 * * *"],
            "timezone": [None, "UTC", "UTC", "Europe/Berlin"],
            "next_at": [None, NOW + timedelta(hours=5), NOW + timedelta(minutes=3), LONG_AGO],
            "last_slot": [None, NOW - timedelta(days=1), NOW - timedelta(hours=1), None],
            "last_decision": [None, "started", "missed", None],
            "last_outcome": [None, "nothing_to_do", None, None],
            "problem": ["line 3: 31 Feb is no day", None, None, None],
        }
    )
    rows = schedules.schedule_rows(found, NOW)
    assert [row[0] for row in rows] == ["gone", "soon", "late", "wrong"]
    assert [row[4] for row in rows] == [
        "2026-11-26 12:00 UTC, 2 days ago: no scheduler runs",
        "12:03 UTC (in 3 minutes)",
        "17:00 UTC (in 5 hours)",
        "not in force: line 3: 31 Feb is no day",
    ]
    assert [row[6] for row in rows] == ["–", "missed", "started, nothing to do", "–"]
    assert rows[0][3] == "0 3 * * * (Europe/Berlin)"


def test_times_at_which_nothing_ran_are_told_and_others_are_not():
    decisions = ["started", "missed", "claimed", "overlapped", "skipped", "failed_to_start"]
    ticks = pl.DataFrame(
        {
            "schedule": ["nightly"] * 6,
            "slot": [NOW - timedelta(hours=n) for n in range(6)],
            "decision": decisions,
            "detail": [None, "the scheduler was away", None, None, None, "disk is full"],
        }
    )
    rows = schedules.left_out_rows(ticks, NOW)
    assert [row[2] for row in rows] == [
        schedules.NOTHING_RAN[d] for d in decisions if d in schedules.NOTHING_RAN
    ]
    assert rows[0][3] == "the scheduler was away"


def test_a_report_cannot_leave_its_frame():
    report = '<html><body>"></iframe><script>parent.document</script></body></html>'
    whole = framed(report, 'Report of "x"')
    assert whole.count("<iframe") == 1
    assert 'sandbox="allow-scripts"' in whole
    assert "</iframe><script>" not in whole
    assert "default-src &#x27;none&#x27;" in whole
    assert 'title="Report of &quot;x&quot;"' in whole
