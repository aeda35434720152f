"""The row of a run is written as long as the store answers, and its end is insisted on."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.ports import RunbookRun
from tradingkb.runbooks import CellAt
from tradingkb.runbooks.running.record import Record
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.trial_store_runbooks import runbook_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """A store that is away for so many calls."""

    def __init__(self) -> None:
        self.away, self.calls = 0, list[tuple[Any, ...]]()
        self.known = True

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> bool:
            if self.away:
                self.away -= 1
                raise BackendUnavailableError("the database is away")
            self.calls.append((name, *arguments))
            return self.known

        return call


@pytest.fixture
def store() -> Store:
    return Store()


def recorded(store: Any, waits: list[float]) -> tuple[Record, list[CellAt]]:
    told: list[CellAt] = []
    run = runbook_run()
    return (
        Record(store, run, clock=lambda: NOW, told=told.append, sleep=waits.append),
        told,
    )


def ended(record: Record) -> RunbookRun:
    return replace(record.run, state="ended", outcome="done", ended_at=NOW)


def test_a_cell_that_begins_is_one_more_than_those_that_are_done(store: Store) -> None:
    record, told = recorded(store, [])
    steps = [CellAt(1, 2, "A"), CellAt(1, 2, "A", 0.5), CellAt(2, 2, "B")]
    for at in (*steps, None):
        record.beat(at)
        record._beside.wait()
    beats = [call[3:] for call in store.calls if call[0] == "beat_runbook_run"]
    assert beats == [(0, 2, "A"), (1, 2, "B"), (1, 2, "B")]
    assert told == steps


def test_a_store_that_is_away_meanwhile_ends_no_run(store: Store) -> None:
    record, told = recorded(store, [])
    store.away = 9
    for at in (CellAt(1, 2, "A"), None):
        record.beat(at)
        record._beside.wait()
    assert (len(told), store.away) == (1, 7)


def test_a_store_that_hangs_meanwhile_delays_nobody_who_watches_the_deadline() -> None:
    hanging, over = threading.Event(), threading.Event()

    class Hanging(Store):
        def beat_runbook_run(self, *_: Any) -> bool:
            hanging.set()
            return over.wait(10)

    record, _ = recorded(Hanging(), [])
    record.beat(CellAt(1, 2, "A"))
    assert hanging.wait(10)
    record.beat(None)  # comes back, and leaves this one out
    over.set()
    assert record.end(ended(record)).error is None


def test_the_end_is_written_when_the_store_is_back_within_seconds(store: Store) -> None:
    waits: list[float] = []
    record, _ = recorded(store, waits)
    store.away = 3
    assert record.end(ended(record)).error is None
    assert [call[0] for call in store.calls] == ["beat_runbook_run", "end_runbook_run"]
    assert waits == [0.5, 1.0, 2.0]


def test_an_end_that_cannot_be_written_is_said(store: Store) -> None:
    record, _ = recorded(store, [])
    store.away = 99
    run = record.end(ended(record))
    assert (run.outcome, run.error) == (
        "done",
        "its row could not be written: the database is away",
    )


def test_what_goes_wrong_after_the_end_is_added(store: Store) -> None:
    record, _ = recorded(store, [])
    record.end(replace(ended(record), error="it broke"))
    assert record.note("nobody was told").error == "it broke; nobody was told"
    assert store.calls[-1] == ("note_runbook_run", record.run.run_id, "it broke; nobody was told")


@pytest.mark.parametrize("known", [True, False])
def test_a_run_whose_id_is_taken_is_refused(store: Store, known: bool) -> None:
    record, _ = recorded(store, [])
    store.known = False
    with pytest.raises(InvalidInputError, match="is there already"):
        record.begin(known=known)


def test_a_runner_that_was_taken_for_dead_and_lives_says_how_its_run_ended(
    tmp_path: Path, sqlite_schema: Path
) -> None:
    """Its network was away for minutes, or its laptop slept."""
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    record, _ = recorded(store, [])
    record.begin(known=False)
    found = store.runbook_run(record.run.run_id)
    assert found is not None
    assert store.end_lost_run(found, NOW + timedelta(hours=1), "its runner died")
    assert record.end(ended(record)).outcome == "done"
    found = store.runbook_run(record.run.run_id)
    assert found is not None
    assert found.outcome == "failed"
    assert found.error == "its runner died; its runner lived, and ended it as done"
    store.close()
