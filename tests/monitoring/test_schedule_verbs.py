"""Schedules as any replica tells of them, without the file that they are written in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import tradingkb as tkb
from tests.conftest import NOW
from tradingkb.plain import plain_rows
from tradingkb.ports import ScheduleState, ScheduleTick
from tradingkb.testing.trial_store_runbooks import runbook_run

HOUR = timedelta(hours=1)
DEFINITION = {
    "runbook": "09_reconcile_and_health",
    "cron": "0 * * * *",
    "timezone": "Europe/Berlin",
    "workspace": "desk",
    "parameters": {"dry_run": False},
    "missed": "skip",
    "deadline_s": 600,
}


@pytest.fixture
def kb(open_kb) -> tkb.KnowledgeBase:
    return open_kb()


def test_a_schedule_tells_what_it_is_and_what_was_decided_last(kb: tkb.KnowledgeBase):
    store = kb.use_cases.store
    store.save_schedule_state(ScheduleState("hourly", NOW, "me", NOW, NOW + HOUR, DEFINITION))
    store.claim_tick(ScheduleTick("hourly", NOW - HOUR, NOW, "missed", "me"))
    store.claim_tick(ScheduleTick("hourly", NOW, NOW, "started", "me", "run", "ran 1 h late"))
    store.add_runbook_run(runbook_run(1, run_id="run"))
    (row,) = kb.schedules().to_dicts()
    assert json.loads(row.pop("parameters")) == {"dry_run": False}
    assert row == {
        "name": "hourly",
        **{name: value for name, value in DEFINITION.items() if name != "parameters"},
        "next_at": NOW + HOUR,
        "last_slot": NOW,
        "last_decision": "started",
        "last_detail": "ran 1 h late",
        "last_run_id": "run",
        "last_outcome": None,
        "problem": None,
    }
    store.end_runbook_run("run", NOW, "needs_decision")
    assert kb.schedules()["last_outcome"].to_list() == ["needs_decision"]


def test_one_that_was_refused_or_never_due_is_told_too_and_the_scheduler_is_none(
    kb: tkb.KnowledgeBase,
):
    store = kb.use_cases.store
    assert kb.schedules().is_empty()
    store.save_schedule_state(ScheduleState("", NOW, "me"))
    store.save_schedule_state(ScheduleState("entry 3", NOW, "me", problem="name: it is missing"))
    store.save_schedule_state(ScheduleState("new", NOW, "me", NOW, NOW + HOUR, DEFINITION))
    rows = plain_rows(kb.schedules())
    assert [(r["name"], r["problem"], r["last_slot"]) for r in rows] == [
        ("entry 3", "name: it is missing", None),
        ("new", None, None),
    ]
    assert rows[0]["cron"] is None


def test_when_the_scheduler_last_did_what_was_due_is_known_to_every_replica(kb: tkb.KnowledgeBase):
    store = kb.use_cases.store
    store.save_schedule_state(ScheduleState("", NOW, "me"))
    assert store.last_schedule_turn() is None  # nothing is scheduled: nothing can be missed
    store.save_schedule_state(ScheduleState("new", NOW, "me", NOW, NOW + HOUR, DEFINITION))
    assert store.last_schedule_turn() == NOW
    assert "KbSchedulerDead" not in [problem.code for problem in kb.problems().open]
