"""Both databases keep the promises of the `TrialStore` port."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.sql.engine import open_engine, writing
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.stored import (
    COLLECTION,
    STRATEGY,
    WORKSPACE,
    event,
    fill,
    trial_frame,
    workspace,
)
from tradingkb.testing.trial_store import TrialStoreContract

WRITE_IN_ANOTHER_PROCESS = """
import sys
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.stored import WORKSPACE, trial_frame
store = SqlTrialStore(open_engine(sys.argv[1]))
store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "late"}))
"""


@pytest.fixture
def store(engine):
    store = SqlTrialStore(engine)
    yield store
    store.close()


class TestBothDatabases(TrialStoreContract):
    """Runs on SQLite and on PostgreSQL: `store` comes from an engine of either."""


def test_a_write_of_another_process_is_seen_at_once(store, url):
    store.create_workspace(workspace())
    fill(store)
    assert store.partition(WORKSPACE, STRATEGY, COLLECTION)[1].is_empty()
    subprocess.run(
        [sys.executable, "-c", WRITE_IN_ANOTHER_PROCESS, url],
        cwd=Path(__file__).resolve().parents[2],
        check=True,
    )
    assert store.partition(WORKSPACE, STRATEGY, COLLECTION)[1]["source_id"].to_list() == ["late"]


def test_readers_do_not_wait_for_a_writer(store):
    store.create_workspace(workspace())
    fill(store)
    store.write_trials(WORKSPACE, trial_frame(store, {}))
    with writing(store.engine) as connection:
        connection.execute(sa.text("UPDATE trials SET sharpe_oos = 9"))
        started = time.monotonic()
        assert store.trial_rows(WORKSPACE, {}, None)["sharpe_oos"].to_list() == [1.25]
        assert time.monotonic() - started < 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_an_event_does_not_wait_for_a_writer(store):
    store.create_workspace(workspace())
    with writing(store.engine):
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError):
            store.save_event(event())
        assert time.monotonic() - started < 1
    store.save_event(event())
    assert len(store.events(WORKSPACE, 9, {})) == 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_database_that_another_writer_holds_too_long_is_unavailable(store, url):
    hurried = SqlTrialStore(open_engine(url, timeout_s=0.1))
    with writing(store.engine), pytest.raises(BackendUnavailableError, match="locked"):
        hurried.create_workspace(workspace())
    hurried.close()


def test_a_postgresql_that_does_not_answer_is_unavailable_and_its_password_stays_secret():
    pytest.importorskip("psycopg")
    engine = open_engine("postgresql+psycopg://someone:geheim@127.0.0.1:1/kb", timeout_s=1)
    with pytest.raises(BackendUnavailableError) as caught:
        SqlTrialStore(engine)
    assert "geheim" not in str(caught.value)
    engine.dispose()
