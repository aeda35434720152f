"""The journal: what a replica leaves in the store of its breakers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from polars.exceptions import PanicException

from tests.resilience.conftest import NOON, Time
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.resilience import BreakerJournal, Breakers
from tradingkb.sql import open_engine
from tradingkb.stores import SqlTrialStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlTrialStore]:
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    yield store
    store.close()


@pytest.fixture
def breakers(time: Time) -> Breakers:
    return Breakers({"db": True, "qdrant": True}, monotonic=time, clock=time.of_day)


def rows(store: SqlTrialStore) -> list[tuple[Any, ...]]:
    found = store.breakers(NOON - timedelta(days=1))
    return found.select("replica", "service", "state", "failures").rows()


def test_services_in_use_are_written_under_the_name_of_the_replica(
    store: SqlTrialStore, breakers: Breakers, time: Time
) -> None:
    journal = BreakerJournal(store, breakers, "one", clock=time.of_day)
    journal.write()
    assert rows(store) == [("one", "db", "closed", 0), ("one", "qdrant", "closed", 0)]


def test_a_change_is_written_at_once_and_an_ended_replica_leaves_nothing(
    store: SqlTrialStore, breakers: Breakers, time: Time
) -> None:
    written = threading.Semaphore(0)
    save = store.save_breakers

    def watched(*said: Any) -> None:
        save(*said)
        written.release()

    store.save_breakers = watched  # type: ignore[method-assign]
    journal = BreakerJournal(store, breakers, "one", clock=time.of_day)
    journal.start()
    journal.start()  # it runs already
    assert written.acquire(timeout=5)
    for _ in range(5):
        breakers["qdrant"].failed(breakers["qdrant"].ask(), "ReadTimeout")
    assert written.acquire(timeout=5)
    assert ("one", "qdrant", "open", 5) in rows(store)
    journal.stop()
    assert rows(store) == []
    assert journal.missed == 0
    journal.stop()


def test_the_thread_outlives_a_panic_and_writes_the_next_change(
    store: SqlTrialStore, breakers: Breakers, time: Time
) -> None:
    panicked, written = threading.Event(), threading.Event()
    save = store.save_breakers

    def watched(*said: Any) -> None:
        if not panicked.is_set():
            panicked.set()
            raise PanicException("a bug of Polars")
        save(*said)
        written.set()

    store.save_breakers = watched  # type: ignore[method-assign]
    journal = BreakerJournal(store, breakers, "one", clock=time.of_day)
    journal.start()
    assert panicked.wait(5)
    for _ in range(5):
        breakers["qdrant"].failed(breakers["qdrant"].ask(), "ReadTimeout")
    assert written.wait(5)
    journal.stop()
    assert journal.missed == 1


def test_a_database_that_is_down_costs_nothing_but_a_row(breakers: Breakers, time: Time) -> None:
    class Down:
        def save_breakers(self, *_: Any) -> None:
            raise BackendUnavailableError("down")

        def breakers(self, *_: Any) -> Any:
            raise BackendUnavailableError("down")

    journal = BreakerJournal(Down(), breakers, "one", clock=time.of_day)
    journal.write()
    journal.write()
    assert journal.missed == 2
