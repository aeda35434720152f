"""Both databases keep the promises of the `TrialStore` port."""

from __future__ import annotations

import shutil
import threading
import time

import polars as pl
import pytest
import sqlalchemy as sa

from tests.elsewhere import begun, ended, write_a_trial
from tradingkb.domain import Actor
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.sql.engine import open_engine, writing
from tradingkb.stores import SqlTrialStore, generations, schema
from tradingkb.stores import index as index_queries
from tradingkb.testing.stored import (
    COLLECTION,
    NOON,
    WORKSPACE,
    event,
    fill,
    index_frame,
    partition_rows,
    trial_frame,
    workspace,
)
from tradingkb.testing.trial_store import TrialStoreContract

ALL = [f"DELETE FROM {table.name}" for table in reversed(schema.metadata.sorted_tables)]
EMPTY = {"sqlite": ALL, "postgresql": ["; ".join(ALL)]}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request, tmp_path_factory):
    """One engine for all tests: a new one compiles every statement, a new database plans it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("contract") / "kb.db"
        shutil.copy(request.getfixturevalue("sqlite_schema"), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_module_database")
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(kept):
    """The same, with nothing in its tables."""
    with writing(kept) as connection:
        for statement in EMPTY[kept.dialect.name]:
            connection.exec_driver_sql(statement)
    return kept


@pytest.fixture
def url(engine):
    return engine.url.render_as_string(hide_password=False)


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
    assert partition_rows(store).is_empty()
    ended(begun(write_a_trial, url))
    assert partition_rows(store)["source_id"].to_list() == ["late"]


def test_readers_do_not_wait_for_a_writer(store):
    store.create_workspace(workspace())
    fill(store)
    store.write_trials(WORKSPACE, trial_frame(store, {}))
    with writing(store.engine) as connection:
        connection.execute(sa.text("UPDATE trials SET sharpe_oos = 9"))
        started = time.monotonic()
        assert store.trial_rows(WORKSPACE, {}, None)["sharpe_oos"].to_list() == [1.25]
        assert time.monotonic() - started < 1


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
def test_an_event_does_not_wait_for_a_writer(store):
    store.create_workspace(workspace())
    with writing(store.engine):
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError):
            store.save_event(event())
        with pytest.raises(BackendUnavailableError):
            store.save_events([event(), event()])
        assert time.monotonic() - started < 1
    store.save_event(event())
    assert len(store.events(WORKSPACE, 9, {})) == 1


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
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


ADA = Actor("ada", "lead", "look-ahead")


@pytest.fixture
def trial(store):
    """The id of a stored candidate."""
    store.create_workspace(workspace())
    fill(store)
    store.write_trials(WORKSPACE, trial_frame(store, {}))
    return store.identities(WORKSPACE)["trial_id"][0]


class InAnotherThread(threading.Thread):
    """Calls, and waits for the answer when asked; a database's locks are between connections."""

    def __init__(self, call):
        super().__init__()
        self.call, self.found = call, []
        self.start()
        self.join(0.3)  # time to do the wrong thing

    def run(self):
        self.found.append(self.call())

    def answer(self):
        self.join(30)
        return self.found[0]


def test_an_entry_that_is_written_while_its_trial_is_being_rejected_is_archived(store, trial):
    with writing(store.engine) as connection:
        connection.execute(sa.text("UPDATE trials SET kb_status = 'rejected'"))
        writer = InAnotherThread(lambda: store.write_index(WORKSPACE, index_frame(trial), NOON))
    assert writer.answer()["trial_id"].to_list() == [trial]
    assert store.index_rows(WORKSPACE, COLLECTION)["archived_at"].to_list() == [NOON]


def test_a_trial_that_is_rejected_while_its_first_entry_is_being_written_is_archived(
    store, trial, monkeypatch
):
    admins = []

    def bump(*arguments, **options):
        ids = pl.Series([trial])
        admins.append(
            InAnotherThread(lambda: store.change_status(WORKSPACE, ids, "rejected", ADA, NOON))
        )
        monkeypatch.undo()
        return generations.bump(*arguments, **options)

    monkeypatch.setattr(index_queries, "bump", bump)
    store.write_index(WORKSPACE, index_frame(trial), NOON)
    assert admins[0].answer().height == 1
    assert store.index_rows(WORKSPACE, COLLECTION)["archived_at"].to_list() == [NOON]
    assert store.pending_deletes(WORKSPACE).height == 1


def test_two_admins_at_once_leave_a_history_that_is_a_chain(store, trial):
    ids = pl.Series([trial])
    with writing(store.engine) as connection:
        connection.execute(sa.text("UPDATE trials SET kb_status = 'promoted'"))
        second = InAnotherThread(lambda: store.change_status(WORKSPACE, ids, "rejected", ADA, NOON))
    assert second.answer()["from_status"].to_list() == ["promoted"]
