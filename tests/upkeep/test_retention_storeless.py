"""How retention counts and deletes in portions, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradingkb.exceptions import InvalidInputError
from tradingkb.upkeep.retention import BATCH, PruneReport, Retention

NOW = datetime(2024, 3, 1, tzinfo=UTC)


class Old:
    """A store with some old events, runs and jobs; five older runs are kept."""

    def __init__(self, events: int = 0, runs: int = 0, jobs: int = 0) -> None:
        self.events, self.runs, self.jobs = events, runs, jobs
        self.portions: list[int] = []
        self.limits: tuple[datetime, ...] = ()

    def count_old(self, events_before: datetime, runs_before: datetime) -> tuple[int, int, int]:
        self.limits = (events_before, runs_before)
        return self.events, self.runs, 5

    def delete_events(self, before: datetime, limit: int) -> int:
        n = min(self.events, limit)
        self.events -= n
        self.portions.append(n)
        return n

    def delete_runs(self, before: datetime, limit: int) -> int:
        n = min(self.runs, limit)
        self.runs -= n
        return n

    def count_old_jobs(self, before: datetime) -> int:
        assert before == self.limits[1]
        return self.jobs

    def delete_jobs(self, before: datetime, limit: int) -> int:
        assert before == self.limits[1]
        n = min(self.jobs, limit)
        self.jobs -= n
        return n


def prune(
    store: Any, events_days: int | None = None, runs_days: int | None = None, **more: Any
) -> PruneReport:
    """Where the settings say 30 days for events and 60 for runs."""
    retention = Retention(store, events_days=30, runs_days=60, clock=lambda: NOW)
    return retention.prune(events_days, runs_days, **{"dry_run": False, **more})


@pytest.mark.parametrize(
    ("events", "portions"),
    [
        (0, [0]),
        (1, [1]),
        (BATCH - 1, [BATCH - 1]),
        (BATCH, [BATCH, 0]),
        (2 * BATCH + 3, [BATCH, BATCH, 3]),
    ],
)
def test_all_that_is_old_goes_in_portions(events: int, portions: list[int]) -> None:
    store = Old(events, runs=2 * BATCH, jobs=BATCH + 1)
    report = prune(store)
    assert (report.events, report.runs, report.runs_kept) == (events, 2 * BATCH, 5)
    assert report.jobs == BATCH + 1
    assert store.portions == portions
    assert (store.events, store.runs, store.jobs) == (0, 0, 0)


def test_a_dry_run_counts_the_same_and_deletes_nothing() -> None:
    store = Old(7, 3, 2)
    report = prune(store, dry_run=True)
    assert (report.events, report.runs, report.jobs) == (7, 3, 2)
    assert (store.events, store.runs, store.jobs) == (7, 3, 2)
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
    assert (store.events, store.runs) == (7, 3)
