"""A partition that is kept and added to is the partition that a fresh process reads."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.ports import Partition
from tradingkb.sql.engine import open_engine, writing
from tradingkb.stores import SqlTrialStore, partitions
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    RUN_ID,
    STRATEGY,
    WORKSPACE,
    fill,
    index_frame,
    run_record,
    trial_frame,
    window_frame,
    workspace,
)


def ids(store: SqlTrialStore) -> list[int]:
    return store.identities(WORKSPACE)["trial_id"].sort().to_list()


def add(store: SqlTrialStore, strategy: str = STRATEGY) -> None:
    rows = ({"source_id": str(uuid.uuid4()), "strategy_name": strategy} for _ in range(2))
    store.write_trials(WORKSPACE, trial_frame(store, *rows))


def change(store: SqlTrialStore, **columns: object) -> None:
    known = store.identities(WORKSPACE)["source_id"].sort()[:2]
    run = run_record(str(uuid.uuid4()))
    store.save_run(run)
    new = {"run_id": run.run_id, "row_hash": run.run_id, **columns}
    rows = ({"source_id": name, **new} for name in known)
    store.write_trials(WORKSPACE, trial_frame(store, *rows))


def index(store: SqlTrialStore) -> None:
    for trial in ids(store):
        store.write_index(WORKSPACE, index_frame(trial), NOON)


def status(store: SqlTrialStore, to: str) -> None:
    store.change_status(WORKSPACE, pl.Series(ids(store)[:1]), to, ADA, NOON)


def an_older_release(store: SqlTrialStore, columns: str) -> None:
    """It knows nothing of additions: it moves the generation alone."""
    with writing(store.engine) as connection:
        connection.execute(
            sa.text(f"UPDATE trials SET {columns} WHERE id = :id"), {"id": ids(store)[-1]}
        )
        connection.execute(sa.text("UPDATE partition_generations SET generation = generation + 1"))


Change = Callable[[SqlTrialStore], object]
CHANGES: dict[str, Change] = {
    "add": add,
    "add again": add,
    "add to another strategy": lambda store: add(store, "rsi"),
    "add and change": lambda store: (add(store), change(store, sharpe_oos=2.5)),
    "change": lambda store: change(store, sharpe_oos=3.5),
    "move to another strategy": lambda store: change(store, strategy_name="rsi"),
    "move back": lambda store: change(store, strategy_name=STRATEGY),
    "index": index,
    "promote": lambda store: status(store, "promoted"),
    "reject": lambda store: status(store, "rejected"),
    "archive": lambda store: store.archive(WORKSPACE, pl.Series(ids(store)[:2]), ADA, NOON),
    "withdraw": lambda store: store.withdraw_run(WORKSPACE, RUN_ID, ADA, NOON),
    "reinstate": lambda store: store.reinstate_run(WORKSPACE, RUN_ID, NOON),
    "measure": lambda store: store.write_windows(
        WORKSPACE, window_frame({"regime_is": f'"{uuid.uuid4()}"'})
    ),
    "an older release changes": lambda store: an_older_release(store, "sharpe_oos = 7.5"),
    "an older release adds": lambda store: an_older_release(store, f"strategy_name = '{STRATEGY}'"),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two trials, to be copied."""
    path = tmp_path_factory.mktemp("stores") / "filled.db"
    store = SqlTrialStore(open_engine(f"sqlite:///{path}"))
    store.create_workspace(workspace())
    store.save_run(run_record())
    fill(store)
    fill(store, "rsi")
    add(store)
    store.close()
    return path


def copied(filled: Path) -> SqlTrialStore:
    path = filled.with_name(f"{uuid.uuid4().hex}.db")
    shutil.copy(filled, path)
    return SqlTrialStore(open_engine(f"sqlite:///{path}"))


class Reader:
    """Keeps what it has read of two strategies, as a process that answers does."""

    def __init__(self) -> None:
        self.kept: dict[str, Partition] = {}

    def read(self, store: SqlTrialStore) -> list[pl.DataFrame]:
        for name in (STRATEGY, "rsi"):
            known = self.kept.get(name)
            news = store.partition(WORKSPACE, name, COLLECTION, known)
            self.kept[name] = news.onto(known)
        return [self.kept[name].trials.sort("trial_id") for name in (STRATEGY, "rsi")]


@settings(max_examples=25)
@given(names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=8), data=st.data())
def test_after_any_changes_it_holds_what_a_fresh_process_reads(
    filled: Path, names: list[str], data: st.DataObject
) -> None:
    writer = copied(filled)
    reader = Reader()
    reader.read(writer)
    for name in names:
        CHANGES[name](writer)
        if data.draw(st.booleans(), label="asked"):
            for kept, whole in zip(reader.read(writer), Reader().read(writer), strict=True):
                assert kept.equals(whole)
    writer.close()


def test_only_what_was_added_is_read(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, reader = copied(filled), Reader()
    reader.read(store)
    rows, read_rows = [], partitions.read
    spy = lambda *a: (frame := read_rows(*a), rows.append(frame.height))[0]  # noqa: E731
    monkeypatch.setattr(partitions, "read", spy)
    add(store)
    index(store)
    assert reader.read(store)[0].height == 4
    assert rows == [2]
    change(store)
    reader.read(store)
    assert rows == [2, 4]
    store.close()


def test_a_number_that_was_taken_first_and_committed_last_is_not_missed(filled: Path) -> None:
    store, reader = copied(filled), Reader()
    add(store)
    late = ids(store)[0]
    with store.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE trials SET strategy_name = 'rsi' WHERE id = :id"), {"id": late}
        )
    assert late not in reader.read(store)[0]["trial_id"]
    with store.engine.begin() as connection:  # as if it came in now, below the others
        connection.execute(
            sa.text("UPDATE trials SET strategy_name = :name WHERE id = :id"),
            {"name": STRATEGY, "id": late},
        )
    add(store)
    assert reader.read(store)[0]["trial_id"].to_list() == ids(store)
    store.close()
