"""What is due: once each, at most the newest of those that were missed, never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradingkb.runbooks.schedule.due import due
from tradingkb.runbooks.schedule.entries import Schedule

SIX = datetime(2026, 1, 5, 6, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
DAILY = Schedule("daily", "09_reconcile_and_health", "0 6 * * *")
SKIPPING = Schedule("skipping", "09_reconcile_and_health", "0 6 * * *", missed="skip")
HOURLY = Schedule("hourly", "04_kb_status_none_triage", "0 * * * *")


def told(schedules, last, now):
    return [(d.schedule.name, d.slot, d.decision) for d in due(schedules, last, now)]


def test_nothing_is_due_before_its_time_and_all_of_it_then():
    last = {"daily": SIX - DAY, "hourly": SIX - HOUR}
    assert told([DAILY, HOURLY], last, SIX - SECOND) == []
    assert told([DAILY, HOURLY], last, SIX) == [("daily", SIX, "run"), ("hourly", SIX, "run")]


def test_what_is_decided_is_not_due_again():
    assert told([DAILY], {"daily": SIX}, SIX + SECOND) == []
    assert told([DAILY], {"daily": SIX}, SIX + DAY) == [("daily", SIX + DAY, "run")]


def test_a_schedule_that_was_just_read_is_due_from_then_on():
    assert told([DAILY], {}, SIX) == []


def test_of_missed_times_the_newest_runs_late_and_the_others_are_told_as_one():
    skipped, run = due([DAILY], {"daily": SIX - 5 * DAY}, SIX + 3 * HOUR)
    assert (run.slot, run.decision, run.detail) == (SIX, "run", "ran 3 h 0 min late")
    assert (skipped.slot, skipped.decision) == (SIX - DAY, "skipped")
    assert skipped.detail == "4 times, since 2026-01-01 06:00 UTC: a later one runs"


def test_where_missed_times_are_skipped_nothing_runs_late():
    (missed,) = due([SKIPPING], {"skipping": SIX - 2 * DAY}, SIX + HOUR)
    assert (missed.slot, missed.decision) == (SIX, "missed")
    assert missed.detail == "2 times, since 2026-01-04 06:00 UTC: found too late to run"


def test_one_that_is_on_time_runs_even_where_earlier_ones_are_skipped():
    missed, run = due([SKIPPING], {"skipping": SIX - 2 * DAY}, SIX + SECOND)
    assert (missed.slot, missed.decision) == (SIX - DAY, "missed")
    assert (run.slot, run.decision, run.detail) == (SIX, "run", None)


@pytest.mark.parametrize(("late_s", "decision"), [(120, "run"), (121, "missed")])
def test_two_minutes_are_on_time(late_s, decision):
    now = SIX + timedelta(seconds=late_s)
    assert told([SKIPPING], {"skipping": SIX - DAY}, now)[-1][2] == decision


def test_a_clock_that_jumps_back_makes_nothing_due():
    assert told([DAILY, HOURLY], {"daily": SIX, "hourly": SIX}, SIX - HOUR / 2) == []


def test_after_a_clock_was_put_back_what_comes_is_due_again_and_known_by_its_slot():
    """Whether it has run before is asked of the store: two ticks of one slot cannot be stored."""
    assert told([HOURLY], {"hourly": SIX + 9 * DAY}, SIX) == []
    assert told([HOURLY], {"hourly": SIX - SECOND}, SIX) == [("hourly", SIX, "run")]


def test_a_clock_that_jumps_forward_by_a_day_follows_the_rules_of_what_was_missed():
    last = {"daily": SIX, "skipping": SIX, "hourly": SIX}
    assert told([DAILY, SKIPPING, HOURLY], last, SIX + DAY + 5 * 60 * SECOND) == [
        ("hourly", SIX + DAY - HOUR, "skipped"),
        ("daily", SIX + DAY, "run"),
        ("hourly", SIX + DAY, "run"),
        ("skipping", SIX + DAY, "missed"),
    ]


def test_times_are_those_of_the_zone_of_the_schedule():
    berlin = Schedule("b", "09_reconcile_and_health", "30 2 * * *", "Europe/Berlin")
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert told([berlin], {"b": before}, first + HOUR) == [("b", first, "run")]
    assert told([berlin], {"b": first}, first + HOUR) == []
