"""How retention counts and deletes in portions, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradingkb.exceptions import InvalidInputError
from tradingkb.upkeep.retention import BATCH, PruneReport, Retention

NOW = datetime(2024, 3, 1, tzinfo=UTC)


class Old:
    """A store with some old events, runs and jobs; five older runs are kept."""

    def __init__(self, events: int = 0, runs: int = 0, jobs: int = 0, free: int | None = 0) -> None:
        self.events, self.runs = list(range(events)), [f"run{n:06}" for n in range(runs)]
        self.jobs, self.free, self.ticks = jobs, free, 0
        self.portions: list[int] = []
        self.limits: tuple[datetime, ...] = ()
        self.compacted = 0

    def old_events(self, before: datetime) -> pl.Series:
        self.limits = (before,)
        return pl.Series(self.events, dtype=pl.Int64)

    def old_runs(self, before: datetime) -> tuple[pl.Series, int]:
        self.limits = (*self.limits, before)
        return pl.Series(self.runs, dtype=pl.String), 5

    def delete_events(self, keys: pl.Series) -> None:
        self.portions.append(len(keys))
        self.events = [key for key in self.events if key not in set(keys)]

    def delete_runs(self, keys: pl.Series) -> None:
        self.runs = [key for key in self.runs if key not in set(keys)]

    def free_bytes(self) -> int | None:
        return self.free

    def compact(self) -> None:
        assert not self.events
        self.compacted += 1
        self.free = 0

    def count_old_jobs(self, before: datetime) -> int:
        assert before == self.limits[1]
        return self.jobs

    def count_breaker_changes(self, before: datetime) -> int:
        return 0

    def delete_breaker_changes(self, before: datetime, limit: int) -> int:
        return 0

    def old_runbook_runs(self, before: datetime) -> list[Any]:
        return []

    def count_old_ticks(self, before: datetime) -> int:
        return self.ticks

    def delete_ticks(self, before: datetime, limit: int) -> int:
        n = min(self.ticks, limit)
        self.ticks -= n
        return n

    def delete_jobs(self, before: datetime, limit: int) -> int:
        assert before == self.limits[1]
        n = min(self.jobs, limit)
        self.jobs -= n
        return n


def prune(
    store: Any, events_days: int | None = None, runs_days: int | None = None, **more: Any
) -> PruneReport:
    """Where the settings say 30 days for events and 60 for runs."""
    ages = {"events_days": 30, "runs_days": 60, "runbooks_days": 90}
    retention = Retention(store, **ages, runbook_output=Path("no folder"), clock=lambda: NOW)
    return retention.prune(events_days, runs_days, **{"dry_run": False, **more})


@pytest.mark.parametrize(
    ("events", "portions"),
    [
        (0, []),
        (1, [1]),
        (BATCH - 1, [BATCH - 1]),
        (BATCH, [BATCH]),
        (2 * BATCH + 3, [BATCH, BATCH, 3]),
    ],
)
def test_all_that_is_old_goes_in_portions(events: int, portions: list[int]) -> None:
    store = Old(events, runs=2 * BATCH, jobs=BATCH + 1)
    report = prune(store)
    assert (report.events, report.runs, report.runs_kept) == (events, 2 * BATCH, 5)
    assert report.jobs == BATCH + 1
    assert store.portions == portions
    assert (store.events, store.runs, store.jobs) == ([], [], 0)


def test_a_dry_run_counts_the_same_and_deletes_nothing() -> None:
    store = Old(7, 3, 2)
    report = prune(store, dry_run=True)
    assert (report.events, report.runs, report.jobs) == (7, 3, 2)
    assert (len(store.events), len(store.runs), store.jobs) == (7, 3, 2)
    assert report.summary() == (
        "would delete 7 events before 2024-01-31, and 3 runs and 2 jobs before 2024-01-01"
    )


def test_what_was_deleted_before_when_and_what_is_kept_is_said() -> None:
    report = prune(Old(1200, 3))
    assert report.summary() == (
        "deleted 1,200 events before 2024-01-31, and 3 runs and 0 jobs before 2024-01-01"
    )
    assert report.details() == ["5 older runs are kept, because stored trials came from them"]


@pytest.mark.parametrize(
    ("days", "ages"),
    [((1, 2), (1, 2)), ((None, None), (30, 60)), ((1, None), (1, 60)), ((None, 2), (30, 2))],
)
def test_ages_are_counted_back_from_now_and_the_settings_say_those_that_the_call_does_not(
    days: tuple[int | None, int | None], ages: tuple[int, int]
) -> None:
    store = Old()
    prune(store, *days)
    assert store.limits == tuple(NOW - timedelta(days=n) for n in ages)


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ((0, 60), "events_older_than_days"),
        ((30, 0), "runs_older_than_days"),
        ((-1, 60), "events_older_than_days"),
        ((30, 10**9), "runs_older_than_days"),
        ((800_000, 60), "events_older_than_days"),
    ],
)
def test_an_age_that_is_none_is_refused_by_name_and_deletes_nothing(
    days: tuple[int, int], field: str
) -> None:
    store = Old(7, 3)
    with pytest.raises(InvalidInputError) as caught:
        prune(store, *days)
    assert caught.value.field == field
    assert (len(store.events), len(store.runs)) == (7, 3)


def test_decisions_of_schedules_go_in_portions() -> None:
    store = Old()
    store.ticks = 2 * BATCH + 3
    assert prune(store, dry_run=True).schedule_ticks == store.ticks == 2 * BATCH + 3
    told = prune(store)
    assert store.ticks == 0
    assert told.details()[:1] == [
        "and 0 runs of runbooks, 0 files of them and 2,003 decisions of schedules before 2023-12-02"
    ]


def test_room_in_the_file_is_said_with_what_gives_it_back() -> None:
    assert prune(Old(7, free=None)).details() == prune(Old(7, free=1_000)).details()
    store = Old(7, free=12_345_678)
    assert "12.3 MB of the database's file hold nothing" in prune(store).details()[-1]
    assert "compact=True gives them back" in str(prune(store))
    assert store.compacted == 0
    assert prune(store, dry_run=True, compact=True).free_bytes == 12_345_678
    assert store.compacted == 0
    assert prune(store, compact=True).free_bytes == 0
    assert store.compacted == 1
