"""On PostgreSQL two that change the same rows wait for one another, and neither is undone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from tradingkb.recommend import EventLog
from tradingkb.sql import open_engine, writing
from tradingkb.stores import SqlTrialStore
from tradingkb.stores.rollups import add_sums
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    WORKSPACE,
    event,
    fill,
    index_frame,
    trial_frame,
    window_frame,
    workspace,
)

N = 6
Write = Callable[[SqlTrialStore, pl.Series], Any]


def restate(store: SqlTrialStore, _: pl.Series | None = None) -> None:
    """In an order in which their ids fall."""
    rows = ({"source_id": f"t{i}", "row_hash": "other"} for i in reversed(range(N)))
    store.write_trials(WORKSPACE, trial_frame(store, *rows))


def new_regime(store: SqlTrialStore, _: pl.Series) -> None:
    store.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":1}'}))


OTHERS: dict[str, Write] = {
    "promote": lambda s, ids: s.change_status(WORKSPACE, ids, "promoted", ADA, NOON),
    "archive": lambda s, ids: s.archive(WORKSPACE, ids, ADA, NOON),
    "unfinished": lambda s, ids: s.mark_unfinished(WORKSPACE, ids, COLLECTION),
    "regime": new_regime,
}


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def opened(postgres_module_database: str, errors: list[str]) -> Iterator[Callable[[], Any]]:
    stores: list[SqlTrialStore] = []

    def open_store() -> SqlTrialStore:
        stores.append(SqlTrialStore(open_engine(postgres_module_database)))
        sa.event.listen(
            stores[-1].engine, "handle_error", lambda c: errors.append(str(c.original_exception))
        )
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def ids(opened: Callable[[], SqlTrialStore]) -> pl.Series:
    store = opened()
    if not store.workspaces():
        store.create_workspace(workspace())
        fill(store)
        rows = ({"source_id": f"t{i}"} for i in range(N))
        store.write_trials(WORKSPACE, trial_frame(store, *rows))
        for trial in store.identities(WORKSPACE)["trial_id"].sort(descending=True):
            store.write_index(WORKSPACE, index_frame(trial), NOON)
        # What they said is kept as versions now: no later one is added, whose foreign key would
        # lock the trials by itself.
        restate(store)
    return store.identities(WORKSPACE)["trial_id"].sort()


@pytest.mark.parametrize("other", OTHERS)
def test_two_that_change_the_same_trials_do_not_wait_for_each_other(
    opened: Callable[[], SqlTrialStore], ids: pl.Series, errors: list[str], other: str
) -> None:
    """Both are held at a trial in the middle, each with what it has locked till then."""
    middle = f"SELECT id FROM trials WHERE id = {ids[N // 2]} FOR NO KEY UPDATE"
    at_once(opened, middle, [lambda s: restate(s, ids), lambda s: OTHERS[other](s, ids)])
    assert errors == []


def test_two_that_add_to_the_same_sums_do_not_wait_for_each_other(
    opened: Callable[[], SqlTrialStore], ids: pl.Series, errors: list[str]
) -> None:
    """In one transaction each, whose events come in opposite orders."""
    names = [f"s{n}" for n in range(N)]

    def add(store: SqlTrialStore, order: list[str]) -> None:
        with writing(store.engine) as connection:
            add_sums(connection, [event(strategy_name=name) for name in order])

    add(store := opened(), names)
    middle = f"SELECT * FROM rejection_rollups WHERE strategy_name = 's{N // 2}' FOR UPDATE"
    at_once(opened, middle, [lambda s: add(s, names), lambda s: add(s, names[::-1])])
    assert errors == []
    day = NOON - timedelta(days=1), NOON + timedelta(days=1)
    found = store.event_rates(WORKSPACE, *day, "all", ("strategy_name",))
    assert found.select("strategy_name", "count").rows() == [(name, 3) for name in names]


def test_replicas_that_save_events_at_once_lose_none(
    opened: Callable[[], SqlTrialStore], ids: pl.Series
) -> None:
    """What cannot be written within the time of an event waits for the next one."""
    at, n = NOON + timedelta(days=30), 40

    def replica(name: str) -> EventLog:
        log = EventLog(opened(), name)
        for k in range(n):
            log.save([event(at=at, replica=name, request_id=f"{name}{k}")])
        until = time.monotonic() + 20
        while log.flush():
            assert time.monotonic() < until
        return log

    with ThreadPoolExecutor(3) as pool:
        logs = list(pool.map(replica, ("one", "two", "three")))
    assert [log.dropped for log in logs] == [0, 0, 0]
    store, span = opened(), (at - timedelta(hours=1), at + timedelta(hours=1))
    assert store.event_rates(WORKSPACE, *span, "all", ())["count"].to_list() == [3 * n]
    assert store.rejections(WORKSPACE, *span, "all", ())["asked"].to_list() == [3 * n]


def at_once(
    opened: Callable[[], SqlTrialStore], middle: str, writes: list[Callable[[SqlTrialStore], Any]]
) -> None:
    """Runs two writers, both of which are held at a row in the middle, and then let go."""
    stores = [opened() for _ in range(3)]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    held = stores[2].engine.connect()
    with ThreadPoolExecutor(2) as pool, held:
        held.exec_driver_sql(middle)
        done = []
        for n, (store, write) in enumerate(zip(stores, writes, strict=False), 1):
            done.append(pool.submit(write, store))
            until = time.monotonic() + 5
            with stores[2].engine.connect() as look:
                while look.exec_driver_sql(waiting).scalar_one() < n:
                    assert time.monotonic() < until
                    time.sleep(0.01)
                    look.rollback()
        held.rollback()
        for one in done:
            one.result()
