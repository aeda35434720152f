"""A scheduler that is killed with SIGKILL between claim and start: the slot runs once."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.forked import CONTEXT
from tests.runbooks.schedule.scheduled import DAILY, MINUTE, SIX, World
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore


def store_at(folder: Path) -> SqlTrialStore:
    return SqlTrialStore(open_engine(f"sqlite:///{folder / 'kb.db'}"))


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(folder: Path, place: str) -> None:
    """The child: it decides the slot and dies at a place of that."""
    store = store_at(folder)
    world = World(folder, store, DAILY)
    claim, add = store.claim_tick, store.add_runbook_run
    if place == "after the claim":
        store.claim_tick = lambda tick: claim(tick) and die()  # type: ignore[method-assign]
    elif place == "before the run":
        store.add_runbook_run = die  # type: ignore[method-assign, assignment]
    else:
        store.add_runbook_run = lambda run: add(run) and die()  # type: ignore[method-assign]
    scheduler = world.scheduler()
    world.turn(scheduler)
    world.turn(scheduler, SIX)


@pytest.mark.parametrize("place", ["after the claim", "before the run", "after the run's row"])
def test_the_slot_of_a_killed_scheduler_runs_once(place, tmp_path, sqlite_schema):
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    child = CONTEXT.Process(target=killed, args=(tmp_path, place))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    store = store_at(tmp_path)
    world = World(tmp_path, store, DAILY)
    (claimed,) = store.claimed_ticks()
    for _ in range(2):  # at once: the process is known to be dead
        scheduler = world.scheduler()
        world.turn(scheduler, SIX + MINUTE)
    begun_before = place == "after the run's row"
    assert world.rows.slots == ([] if begun_before else [("daily", SIX)])
    runs = store.runbook_run_rows(10)
    assert runs["run_id"].to_list() == [claimed.run_id]
    assert [row[2] for row in world.history()] == ["started"]
    store.close()
