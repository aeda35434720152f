"""On PostgreSQL two that change the same trials wait for one another, and neither is undone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from tradingkb.sql import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    WORKSPACE,
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
    stores = [opened() for _ in range(3)]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    held = stores[2].engine.connect()
    with ThreadPoolExecutor(2) as pool, held:
        held.exec_driver_sql(f"SELECT id FROM trials WHERE id = {ids[N // 2]} FOR NO KEY UPDATE")
        done = []
        for n, (store, write) in enumerate(zip(stores, (restate, OTHERS[other]), strict=False), 1):
            done.append(pool.submit(write, store, ids))
            until = time.monotonic() + 5
            with stores[2].engine.connect() as look:
                while look.exec_driver_sql(waiting).scalar_one() < n:
                    assert time.monotonic() < until
                    time.sleep(0.01)
                    look.rollback()
        held.rollback()
        for one in done:
            one.result()
    assert errors == []
