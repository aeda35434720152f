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
from tradingkb.resilience.journal import WAITING_LIMIT
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


def trip(breakers: Breakers, service: str = "qdrant") -> None:
    for _ in range(5):
        breakers[service].failed(breakers[service].ask(), "ReadTimeout")


def changes(store: SqlTrialStore) -> list[tuple[Any, ...]]:
    """What breakers did, oldest first: seconds after noon, service, state, changed, retries."""
    found = store.breaker_changes(None, None, 99).reverse()
    rows = found.select("at", "service", "state", "changed", "retries").rows()
    return [((at - NOON).total_seconds(), *rest) for at, *rest in rows]


@pytest.fixture
def journal(store: SqlTrialStore, breakers: Breakers, time: Time) -> Iterator[BreakerJournal]:
    """One that is told of changes, and writes only when a test says so."""
    journal = BreakerJournal(store, breakers, "one", clock=time.of_day, heartbeat_s=9999.0)
    end = breakers.subscribe(journal._note)
    yield journal
    end()


def test_each_change_between_two_heartbeats_is_told_with_its_own_time(
    store: SqlTrialStore, breakers: Breakers, journal: BreakerJournal, time: Time
) -> None:
    trip(breakers)
    time.s += 30
    breakers["qdrant"].succeeded(breakers["qdrant"].ask())
    time.s += 5
    journal.write()
    journal.write()
    assert changes(store) == [
        (0.0, "qdrant", "open", True, 0),
        (30.0, "qdrant", "half_open", True, 0),
        (30.0, "qdrant", "closed", True, 0),
    ]
    found = store.breaker_changes(None, None, 9)
    assert found.select("failures", "error").rows() == [
        (0, "ReadTimeout"),
        *[(5, "ReadTimeout")] * 2,
    ]


def test_retries_are_counted_since_the_row_before(
    store: SqlTrialStore, breakers: Breakers, journal: BreakerJournal, time: Time
) -> None:
    breakers["qdrant"].retried()
    breakers["qdrant"].retried()
    breakers["db"].retried()
    journal.write()
    time.s += 15
    journal.write()  # none since: no row
    breakers["qdrant"].retried()
    trip(breakers)
    breakers["qdrant"].retried()
    time.s += 15
    journal.write()
    assert changes(store) == [
        (0.0, "db", "closed", False, 1),
        (0.0, "qdrant", "closed", False, 2),
        (15.0, "qdrant", "open", True, 1),
        (30.0, "qdrant", "open", False, 1),
    ]


def test_what_happened_while_the_database_was_down_is_told_afterwards_once(
    store: SqlTrialStore, breakers: Breakers, journal: BreakerJournal, time: Time
) -> None:
    save = store.save_breakers

    def down(*_: Any) -> None:
        raise BackendUnavailableError("down")

    store.save_breakers = down  # type: ignore[method-assign]
    breakers["db"].retried()
    trip(breakers, "db")
    journal.write()
    time.s += 30
    breakers["db"].succeeded(breakers["db"].ask())
    journal.write()
    assert journal.missed == 2
    store.save_breakers = save  # type: ignore[method-assign]
    journal.write()
    journal.write()
    assert changes(store) == [
        (0.0, "db", "open", True, 1),
        (30.0, "db", "half_open", True, 0),
        (30.0, "db", "closed", True, 0),
    ]


def test_of_very_many_changes_the_last_ones_are_told(
    store: SqlTrialStore, breakers: Breakers, journal: BreakerJournal, time: Time
) -> None:
    for _ in range(WAITING_LIMIT):
        trip(breakers)
        time.s += 30
        breakers["qdrant"].succeeded(breakers["qdrant"].ask())
    journal.write()
    found = store.breaker_changes(None, None, 9999)
    assert found.height == WAITING_LIMIT
    assert found["at"].max() == NOON + timedelta(seconds=30 * WAITING_LIMIT)
    journal.write()
    assert store.breaker_changes(None, None, 9999).height == WAITING_LIMIT


def test_a_change_while_others_are_being_written_waits_for_the_next_heartbeat(
    store: SqlTrialStore, breakers: Breakers, journal: BreakerJournal, time: Time
) -> None:
    save = store.save_breakers

    def slow(*said: Any) -> None:
        save(*said)
        store.save_breakers = save  # type: ignore[method-assign]
        trip(breakers, "db")

    store.save_breakers = slow  # type: ignore[method-assign]
    trip(breakers)
    journal.write()
    assert [row[1] for row in changes(store)] == ["qdrant"]
    journal.write()
    assert [row[1] for row in changes(store)] == ["qdrant", "db"]


def test_the_last_changes_are_told_when_a_replica_ends(
    store: SqlTrialStore, breakers: Breakers, time: Time
) -> None:
    written = threading.Event()
    save = store.save_breakers

    def watched(*said: Any) -> None:
        save(*said)
        written.set()

    store.save_breakers = watched  # type: ignore[method-assign]
    journal = BreakerJournal(store, breakers, "one", clock=time.of_day)
    journal.start()
    assert written.wait(5)
    trip(breakers)
    journal.stop()
    assert changes(store) == [(0.0, "qdrant", "open", True, 0)]
