"""Retention: old events, runs and jobs are forgotten, trials never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tradingkb.exceptions import InvalidInputError
from tradingkb.observability import emit
from tradingkb.ports import RetentionStore
from tradingkb.reports import Report

#: Rows per transaction: nobody waits for it.
BATCH: Final = 1_000


@dataclass(frozen=True, repr=False)
class PruneReport(Report):
    """What was forgotten, or would be.

    Attributes:
        dry_run: whether anything was deleted.
        events: recommend events older than `events_before`.
        runs: runs that finished before `runs_before` and that nothing refers to.
        runs_kept: older runs that stored trials, or versions of them, came from.
        jobs: jobs that ended before `runs_before`.
        events_before, runs_before: the limits, UTC.
    """

    dry_run: bool
    events: int
    runs: int
    runs_kept: int
    jobs: int
    events_before: datetime
    runs_before: datetime

    def summary(self) -> str:
        """One line."""
        verb = "would delete" if self.dry_run else "deleted"
        return (
            f"{verb} {self.events:,} events before {self.events_before:%Y-%m-%d}, and "
            f"{self.runs:,} runs and {self.jobs:,} jobs before {self.runs_before:%Y-%m-%d}"
        )

    def details(self) -> list[str]:
        """Why older runs are kept."""
        if not self.runs_kept:
            return []
        return [f"{self.runs_kept:,} older runs are kept, because stored trials came from them"]


class Retention:
    """Retention against ports."""

    def __init__(
        self,
        store: RetentionStore,
        *,
        events_days: int,
        runs_days: int,
        clock: Callable[[], datetime],
    ) -> None:
        """Takes the ages from which records go where a call says none."""
        self._store = store
        self._days = (events_days, runs_days)
        self._clock = clock

    def prune(
        self, events_days: int | None, runs_days: int | None, *, dry_run: bool
    ) -> PruneReport:
        """Deletes what is older, in short transactions: killed anywhere, the rest is left.

        Args:
            events_days: age from which recommend events go, at least 1; None is the setting's.
            runs_days: age from which finished runs and jobs go, at least 1; None is the setting's.
            dry_run: count only.

        Raises:
            InvalidInputError: an age below one day.
        """
        now = self._clock()
        events_days = self._days[0] if events_days is None else events_days
        runs_days = self._days[1] if runs_days is None else runs_days
        events_before = _limit(now, events_days, "events_older_than_days")
        runs_before = _limit(now, runs_days, "runs_older_than_days")
        events, runs, kept = self._store.count_old(events_before, runs_before)
        jobs = self._store.count_old_jobs(runs_before)
        if not dry_run:
            events = _all_of(lambda: self._store.delete_events(events_before, BATCH))
            runs = _all_of(lambda: self._store.delete_runs(runs_before, BATCH))
            jobs = _all_of(lambda: self._store.delete_jobs(runs_before, BATCH))
            emit("kb_prune_complete", events=events, runs=runs, runs_kept=kept, jobs=jobs)
        return PruneReport(dry_run, events, runs, kept, jobs, events_before, runs_before)


def _limit(now: datetime, days: int, field: str) -> datetime:
    if days < 1:
        raise InvalidInputError(f"{days} is no age in days", field=field, remedy="give 1 or more")
    try:
        return now - timedelta(days=days)
    except OverflowError:
        raise InvalidInputError(
            f"{days} days is before the calendar begins", field=field, remedy="give fewer"
        ) from None


def _all_of(delete: Callable[[], int]) -> int:
    total = 0
    while (n := delete()) > 0:
        total += n
        if n < BATCH:
            break
    return total
