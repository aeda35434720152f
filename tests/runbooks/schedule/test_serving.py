"""The scheduler's process: it takes turns until a signal, and then what runs has its grace."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runbooks.schedule.scheduled import DAILY, SIX, World
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.runbooks.schedule import Scheduler, run_scheduler
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore


@pytest.fixture
def world(tmp_path: Path, sqlite_schema: Path) -> Iterator[World]:
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    yield World(tmp_path, store, DAILY)
    store.close()


@pytest.fixture
def listening() -> Iterator[None]:
    """Whatever started the tests: under `nohup` nobody would hear that a terminal has ended."""
    before = [(n, signal.signal(n, signal.SIG_DFL)) for n in (signal.SIGTERM, signal.SIGHUP)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def signals_once_it_runs(
    world: World, scheduler: Scheduler, times: int, number: signal.Signals
) -> threading.Thread:
    def send() -> None:
        assert world.rows.going.wait(10)
        for _ in range(times):
            os.kill(os.getpid(), number)
            assert scheduler._leaving.wait(10)  # two at one moment would be one

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("times", "grace_s", "number"),
    [(1, 0.0, signal.SIGTERM), (2, 600.0, signal.SIGTERM), (1, 0.0, signal.SIGHUP)],
)
def test_a_signal_ends_it_and_after_its_grace_or_a_second_one_what_runs(
    world, times, grace_s, number, listening
):
    handler = signal.getsignal(number)
    scheduler = world.scheduler()
    scheduler.turn()
    world.now, world.rows.held = SIX, {"daily"}
    sender = signals_once_it_runs(world, scheduler, times, number)
    assert run_scheduler(scheduler, once=False, grace_s=grace_s)
    sender.join()
    (run,) = scheduler.ended
    assert (run.outcome, run.error) == ("failed", "the scheduler stopped")
    assert signal.getsignal(number) == handler


def test_once_does_what_is_due_and_ends(world):
    scheduler = world.scheduler()
    scheduler.turn()
    world.now = SIX
    assert run_scheduler(scheduler, once=True, grace_s=30)
    assert world.rows.slots == [("daily", SIX)]
    assert [run.outcome for run in scheduler.ended] == ["done"]


def test_once_says_when_the_database_does_not_answer(world, monkeypatch):
    def away() -> None:
        raise BackendUnavailableError("db: no answer")

    scheduler = world.scheduler()
    monkeypatch.setattr(scheduler, "turn", away)
    with pytest.raises(BackendUnavailableError):
        run_scheduler(scheduler, once=True, grace_s=30)
