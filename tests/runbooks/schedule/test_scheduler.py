"""The scheduler: each slot is decided once, whatever dies, breaks, changes or jumps."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runbooks.schedule.scheduled import (
    DAILY,
    DAY,
    ELSEWHERE,
    HOUR,
    HOURLY,
    MINUTE,
    SIX,
    World,
)
from tradingkb.exceptions import BackendUnavailableError, NotFoundError
from tradingkb.jobs import own_name
from tradingkb.ports import ScheduleTick
from tradingkb.runbooks.running.lost import DIED
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.trial_store_runbooks import runbook_run


@pytest.fixture
def world(tmp_path: Path, sqlite_schema: Path) -> Iterator[World]:
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    yield World(tmp_path, store)
    store.close()


def claim(**changes: object) -> ScheduleTick:
    """Of a scheduler that died before it began the run."""
    made = ScheduleTick("daily", SIX, SIX, "claimed", ELSEWHERE, run_id="of-the-dead")
    return replace(made, **changes)


# --- what is due ----------------------------------------------------------------------------------


def test_two_schedules_run_at_their_times_and_never_again(world):
    scheduler = world.scheduler()
    assert world.turn(scheduler) == []
    assert world.turn(scheduler, SIX - MINUTE) == []
    assert world.turn(scheduler, SIX) == [("daily", "claimed"), ("hourly", "claimed")]
    assert world.turn(scheduler, SIX + MINUTE) == []
    assert world.turn(scheduler, SIX + HOUR) == [("hourly", "claimed")]
    assert sorted(world.rows.slots) == [("daily", SIX), ("hourly", SIX), ("hourly", SIX + HOUR)]
    assert {row[2] for row in world.history()} == {"started"}
    runs = world.store.runbook_run_rows(10)
    assert set(runs["run_id"]) == set(world.store.tick_rows(None, 10)["run_id"])
    assert runs.filter(schedule="daily").select("runbook", "slot").rows() == [
        ("09_reconcile_and_health", SIX)
    ]


def test_of_two_schedulers_one_runs_each_slot(world):
    one, other = world.scheduler(), world.scheduler()
    for now in (SIX - MINUTE, SIX, SIX + HOUR, SIX + 2 * HOUR):
        world.turn(one, now)
        world.turn(other, now)
        one, other = other, one
    assert len(world.rows.slots) == len(set(world.rows.slots)) == 4
    assert {row[2] for row in world.history()} == {"started"}


def test_a_schedule_counts_from_when_it_is_first_read(world):
    assert world.turn(world.scheduler(), SIX + MINUTE) == []
    assert world.history() == []


def test_what_was_missed_while_no_scheduler_ran_runs_late_once_and_says_so(world):
    world.turn(world.scheduler())
    assert world.turn(world.scheduler(), SIX + 2 * DAY + 3 * HOUR) == [
        ("daily", "skipped"),
        ("daily", "claimed"),
        ("hourly", "skipped"),
        ("hourly", "claimed"),
    ]
    told = {(name, decision): detail for name, _, decision, detail in world.history()}
    assert told["daily", "started"] == "ran 3 h 0 min late"
    assert told["daily", "skipped"].startswith("2 times, since 2026-01-05 06:00 UTC")
    assert told["hourly", "started"] is None
    assert world.turn(world.scheduler(), SIX + 2 * DAY + 3 * HOUR + MINUTE) == []


def test_what_is_to_be_skipped_when_missed_is_in_the_history_and_nothing_runs(world):
    world.write(DAILY + 'missed = "skip"\n')
    world.turn(world.scheduler())
    assert world.turn(world.scheduler(), SIX + HOUR) == [("daily", "missed")]
    assert world.history() == [("daily", SIX, "missed", "found too late to run")]
    assert world.rows.begun == []


@pytest.mark.parametrize("back", [MINUTE, HOUR / 2, 3 * HOUR, 40 * DAY])
def test_a_clock_that_is_put_back_runs_nothing_twice_and_goes_on(world, back):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    for now in (SIX - back, SIX - MINUTE, SIX, SIX + MINUTE, SIX + HOUR):
        world.turn(scheduler, now)
    slots = [slot for name, slot in world.rows.slots if name == "hourly"]
    assert len(slots) == len(set(slots))
    assert {SIX, SIX + HOUR} <= set(slots)


def test_a_clock_that_jumps_a_day_ahead_runs_the_newest_of_each(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX + DAY + MINUTE)
    assert sorted(world.rows.slots) == [("daily", SIX + DAY), ("hourly", SIX + DAY)]


# --- what overlaps, and what cannot begin ---------------------------------------------------------


def test_while_a_run_goes_its_schedule_is_overlapped_and_no_other(world):
    world.rows.held = {"hourly"}
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    assert world.rows.going.wait(10)
    until = time.monotonic() + 10
    while "daily" in scheduler._runs.names() and time.monotonic() < until:
        time.sleep(0.01)
    ticks = world.turn(scheduler, SIX + DAY)
    assert ("hourly", "overlapped") in ticks
    assert ("daily", "claimed") in ticks
    assert ("hourly", SIX, "started", None) in world.history()  # while it goes
    # Another scheduler sees it, too: by its row, whose holder has been heard of just now.
    assert world.turn(world.scheduler(), SIX + DAY + HOUR) == [("hourly", "overlapped")]
    assert scheduler.stop(0)
    told = [row for row in world.history() if row[2] == "overlapped"]
    assert {row[3] for row in told} == {"its last run still goes"}


def test_a_run_of_a_dead_scheduler_overlaps_nothing_once_it_has_been_silent_for_a_minute(world):
    run = runbook_run(1, schedule="hourly", slot=SIX - HOUR, holder=ELSEWHERE)
    world.store.add_runbook_run(run)
    scheduler = world.scheduler()
    world.turn(scheduler)
    assert ("hourly", "overlapped") in world.turn(scheduler, SIX)
    world.seconds += 61
    assert world.turn(scheduler, SIX + HOUR) == [("hourly", "claimed")]


def dead(world: World, number: int = 1, **changes: object) -> str:
    """A run whose runner was killed; its id."""
    made = {"schedule": "hourly", "slot": SIX - HOUR, "holder": ELSEWHERE, "state": "running"}
    run = runbook_run(number, **{**made, **changes})
    world.store.add_runbook_run(run)
    return run.run_id


def told(world: World) -> list[dict[str, object]]:
    """What RUNBOOK_ON_FAILURE was given."""
    text = world.told.read_text() if world.told.exists() else ""
    return [json.loads(line) for line in text.replace("}{", "}\n{").splitlines()]


def test_a_run_whose_runner_died_is_ended_as_failed_and_told_once_by_two_schedulers(world):
    found = [dead(world), dead(world, 2, schedule=None, slot=None)]
    schedulers = [world.scheduler(), world.scheduler()]
    for _ in range(3):
        for scheduler in schedulers:
            scheduler.turn()
        for scheduler in schedulers:
            scheduler.finish()
        world.seconds += 61
    runs = [world.store.runbook_run(run_id) for run_id in found]
    assert {(run.state, run.outcome, run.error, run.ended_at) for run in runs} == {
        ("ended", "failed", DIED, world.now)
    }
    assert sorted((run["run_id"], run["outcome"]) for run in told(world)) == [
        (run_id, "failed") for run_id in sorted(found)
    ]


def test_a_runner_of_this_machine_that_is_no_more_is_known_to_be_dead_at_once(world):
    host, _, *rest = own_name("x").rsplit(":", 3)
    gone = dead(world, holder=":".join([host, str(2**22 + 1), *rest]))
    # Whoever asked for this one has ended, and its own process is about to take it.
    about_to_begin = dead(world, 2, holder=f"{host}:{2**22 + 1}:1:{rest[1]}", state="starting")
    world.turn(world.scheduler())
    assert world.store.runbook_run(gone).outcome == "failed"
    assert world.store.runbook_run(about_to_begin).outcome is None


def test_a_run_that_is_heard_of_is_never_ended_by_others(world):
    run_id = dead(world)
    scheduler = world.scheduler()
    for n in range(5):
        world.store.beat_runbook_run(run_id, SIX + n * MINUTE, n, 9, None)
        world.turn(scheduler)
        world.seconds += 59
    assert (world.store.runbook_run(run_id).state, told(world)) == ("running", [])


def test_while_somebody_is_told_of_a_dead_run_its_schedule_goes_on(world):
    dead(world)
    hold = threading.Event()
    scheduler = world.scheduler(lost=lambda run: hold.wait(10))
    scheduler.turn()
    world.seconds += 61
    scheduler.turn()
    world.now = SIX
    assert ("hourly", "claimed") in [(t.schedule, t.decision) for t in scheduler.turn()]
    hold.set()
    scheduler.finish()


def test_what_could_not_be_told_of_a_dead_run_is_in_its_row(world):
    run_id = dead(world)
    world.told.mkdir()  # `tee` fails
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.seconds += 61
    world.turn(scheduler)
    error = world.store.runbook_run(run_id).error
    assert error.startswith(f"{DIED}; RUNBOOK_ON_FAILURE could not be told: ")


def test_what_cannot_begin_is_in_the_history_with_its_reason(world):
    world.rows.refused = NotFoundError("parameter", "sinse", ["since"])
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    (daily, _) = world.history()
    assert daily[2] == "failed_to_start"
    assert "did you mean since?" in daily[3]
    assert [tick.decision for tick in scheduler.ended] == ["failed_to_start"] * 2
    assert world.turn(scheduler, SIX + MINUTE) == []


def test_while_the_database_is_away_a_claim_stays_and_is_begun_by_a_later_turn(world):
    world.rows.refused = BackendUnavailableError("db: connection refused")
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    assert {row[2] for row in world.history()} == {"claimed"}
    world.rows.refused = None
    world.turn(scheduler, SIX + MINUTE)
    assert sorted(world.rows.slots) == [("daily", SIX), ("hourly", SIX)]
    assert {row[2] for row in world.history()} == {"started"}


def test_at_most_so_many_run_at_once(world):
    world.rows.held = {"daily", "hourly"}
    scheduler = world.scheduler(at_once=1)
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    assert world.rows.going.wait(10)
    assert scheduler.stop(0)
    assert len(world.rows.begun) == 1
    # What had to wait is left to the next scheduler.
    assert sorted(row[2] for row in world.history()) == ["claimed", "started"]


# --- who died -------------------------------------------------------------------------------------


def test_a_claim_of_the_dead_is_begun_under_the_name_that_it_has(world):
    world.turn(world.scheduler())
    world.store.claim_tick(claim())
    scheduler = world.scheduler()
    world.turn(scheduler, SIX + MINUTE)
    assert world.rows.begun == [("hourly", SIX, world.rows.begun[0][2])]
    world.seconds += 59
    world.turn(scheduler, SIX + 2 * MINUTE)
    assert len(world.rows.begun) == 1
    world.seconds += 2
    world.turn(scheduler, SIX + 3 * MINUTE)
    assert world.rows.begun[1:] == [("daily", SIX, "of-the-dead")]
    assert world.turn(scheduler, SIX + 4 * MINUTE) == []


def test_a_claim_whose_run_was_begun_is_not_begun_again(world):
    world.store.claim_tick(claim())
    world.store.add_runbook_run(runbook_run(1, run_id="of-the-dead", schedule="daily"))
    world.seconds += 120
    world.turn(world.scheduler(), SIX + MINUTE)
    assert world.rows.begun == []
    assert world.history() == [("daily", SIX, "started", None)]


def test_a_claim_whose_run_was_begun_holds_up_no_later_time(world):
    world.turn(world.scheduler())
    world.store.claim_tick(claim())
    run = runbook_run(1, run_id="of-the-dead", schedule="daily", slot=SIX)
    world.store.add_runbook_run(run)
    world.store.end_runbook_run("of-the-dead", SIX, "done")
    assert ("daily", "claimed") in world.turn(world.scheduler(), SIX + DAY)


def test_two_that_find_one_claim_begin_it_once(world):
    world.turn(world.scheduler())
    world.store.claim_tick(claim())
    schedulers = [world.scheduler(), world.scheduler()]
    for _ in range(3):
        for scheduler in schedulers:
            world.turn(scheduler, SIX + MINUTE)
        world.seconds += 61
    assert [run_id for name, _, run_id in world.rows.begun if name == "daily"] == ["of-the-dead"]


def test_a_claim_of_a_schedule_that_is_gone_is_told_as_such(world):
    world.store.claim_tick(claim(schedule="old"))
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.seconds += 61
    world.turn(scheduler)
    assert world.history() == [("old", SIX, "failed_to_start", "it is in force no more")]


# --- the file -------------------------------------------------------------------------------------


def states(world: World) -> dict[str, object]:
    return {state.name: state for state in world.store.schedule_states()}


def test_what_is_read_is_kept_where_every_replica_finds_it(world):
    world.turn(world.scheduler())
    found = states(world)
    assert set(found) == {"", "daily", "hourly"}
    daily = found["daily"]
    assert (daily.last_slot, daily.next_at, daily.problem) == (world.now, SIX, None)
    assert daily.definition == {
        "runbook": "09_reconcile_and_health",
        "cron": "0 6 * * *",
        "timezone": "UTC",
        "workspace": "default",
        "parameters": {},
        "missed": "run once",
        "deadline_s": None,
    }
    assert world.store.last_schedule_turn() == world.now


def test_credentials_of_urls_are_kept_nowhere(world):
    """What is kept is on the dashboard of every replica; what runs has them."""
    world.write(DAILY + 'parameters = {replica_urls = "http://ann:geheim@one,http://two", n = 2}')
    scheduler = world.scheduler()
    scheduler.turn()
    told = states(world)["daily"].definition["parameters"]
    assert told == {"replica_urls": "http://ann:***@one,http://two", "n": 2}
    (schedule,) = scheduler.file.schedules
    assert "geheim" in schedule.given["replica_urls"]


def test_a_change_of_the_file_is_read_at_the_next_turn(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.write(HOURLY + DAILY.replace("0 6", "30 6"))
    world.turn(scheduler, SIX - MINUTE)
    assert world.turn(scheduler, SIX) == [("hourly", "claimed")]
    assert world.turn(scheduler, SIX + HOUR / 2) == [("daily", "claimed")]


def test_a_schedule_with_new_times_counts_from_when_they_are_read(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    world.write(DAILY.replace("0 6", "*/5 *"))
    assert world.turn(scheduler, SIX + HOUR + MINUTE) == []
    assert world.turn(scheduler, SIX + HOUR + 5 * MINUTE) == [("daily", "claimed")]


def test_a_schedule_with_other_parameters_goes_on_where_it_was(world):
    world.turn(world.scheduler())
    world.write(DAILY + "parameters = {dry_run = false}\n")
    assert world.turn(world.scheduler(), SIX + HOUR) == [("daily", "claimed")]


def test_a_schedule_that_is_gone_is_forgotten_and_its_history_stays(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    world.write(HOURLY)
    world.turn(scheduler, SIX + MINUTE)
    assert set(states(world)) == {"", "hourly"}
    assert [row[0] for row in world.history()] == ["daily", "hourly"]
    world.write(HOURLY + DAILY)
    assert world.turn(scheduler, SIX + DAY + MINUTE) != []
    assert [s for name, s in world.rows.slots if name == "daily"] == [SIX]


def test_a_bad_entry_stops_nothing_else_and_is_told_where_it_is_looked_for(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.write(HOURLY + DAILY.replace("0 6 * * *", "0 6 31 2 *"))
    world.seconds += 20
    assert world.turn(scheduler, SIX) == [("hourly", "claimed")]
    found = states(world)
    assert "'0 6 31 2 *' is never due" in found["daily"].problem
    assert found["daily"].next_at is None
    assert found["daily"].problem in found[""].problem
    # Mended, it goes on where it was.
    world.write(HOURLY + DAILY)
    assert world.turn(scheduler, SIX + MINUTE) == [("daily", "claimed")]
    assert states(world)["daily"].problem is None


@pytest.mark.parametrize("broken", ["[[schedule]\n", None])
def test_a_file_that_cannot_be_read_any_more_stays_in_force_as_it_was(world, broken):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.path.unlink() if broken is None else world.write(broken)
    assert world.turn(scheduler, SIX) == [("daily", "claimed"), ("hourly", "claimed")]
    assert states(world)["schedules.toml"].problem
    world.write(DAILY + HOURLY)
    world.turn(scheduler, SIX + MINUTE)
    assert set(states(world)) == {"", "daily", "hourly"}


def test_what_was_refused_is_looked_at_again_every_minute(world):
    """Its notebook may be there by now."""
    there = False

    def check(runbook: str, given: object) -> str:
        if not there:
            raise NotFoundError("runbook", runbook, [])
        return runbook

    scheduler = world.scheduler(check=check)
    world.turn(scheduler)
    assert states(world)["daily"].problem
    there = True
    world.turn(scheduler)
    assert states(world)["daily"].problem
    world.seconds += 60
    world.turn(scheduler)
    assert states(world)["daily"].problem is None


# --- its life -------------------------------------------------------------------------------------


def test_it_says_that_it_lives_also_when_nothing_is_due(world):
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.seconds += 15
    world.turn(scheduler, SIX - MINUTE)
    assert world.store.last_schedule_turn() == SIX - MINUTE


def test_told_to_stop_it_waits_and_then_ends_what_runs_and_the_row_says_so(world):
    world.rows.held = {"daily"}
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)
    assert world.rows.going.wait(10)
    assert scheduler.stop(0)
    run = world.store.runbook_run(next(r for n, _, r in world.rows.begun if n == "daily"))
    assert (run.outcome, run.error) == ("failed", "the scheduler stopped")
