"""Retention: old events, runs, jobs and runs of runbooks are forgotten, trials never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from tradingkb.exceptions import InvalidInputError
from tradingkb.observability import emit
from tradingkb.ports import RetentionStore, RunbookStore, ScheduleStore
from tradingkb.reports import Report
from tradingkb.upkeep.runbook_files import OldRunbooks

#: Rows per transaction: nobody waits for it.
BATCH: Final = 1_000
#: Less room than this in a file is no news.
_WORTH_SAYING: Final = 1_000_000


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
        free_bytes: of the database's file, which hold nothing and are filled first; None on
            PostgreSQL, whose autovacuum sees to it.
        breaker_changes: what circuit breakers did before `events_before`.
        runbook_runs: runs of runbooks that were asked for before `runbooks_before`.
        runbook_files: their executed notebooks, reports and results.
        schedule_ticks: what schedules decided about times before `runbooks_before`.
        runbooks_before: the limit, UTC; None where these are not looked at.
    """

    dry_run: bool
    events: int
    runs: int
    runs_kept: int
    jobs: int
    events_before: datetime
    runs_before: datetime
    free_bytes: int | None = None
    breaker_changes: int = 0
    runbook_runs: int = 0
    runbook_files: int = 0
    schedule_ticks: int = 0
    runbooks_before: datetime | None = None

    def summary(self) -> str:
        """One line."""
        verb = "would delete" if self.dry_run else "deleted"
        return (
            f"{verb} {self.events:,} events before {self.events_before:%Y-%m-%d}, and "
            f"{self.runs:,} runs and {self.jobs:,} jobs before {self.runs_before:%Y-%m-%d}"
        )

    def details(self) -> list[str]:
        """Why older runs are kept, and how much room is left in the file."""
        lines = []
        if self.runbook_runs or self.runbook_files or self.schedule_ticks:
            lines.append(
                f"and {self.runbook_runs:,} runs of runbooks, {self.runbook_files:,} files of them "
                f"and {self.schedule_ticks:,} decisions of schedules before "
                f"{self.runbooks_before:%Y-%m-%d}"
            )
        if self.runs_kept:
            kept = f"{self.runs_kept:,} older runs are kept"
            lines.append(f"{kept}, because stored trials came from them")
        if self.free_bytes is not None and self.free_bytes >= _WORTH_SAYING:
            lines.append(
                f"{self.free_bytes / 1e6:,.1f} MB of the database's file hold nothing: what comes "
                "in fills them first; compact=True gives them back, while writers wait"
            )
        return lines


class _Store(RetentionStore, RunbookStore, ScheduleStore, Protocol):
    """What retention needs of a store."""


class Retention:
    """Retention against ports."""

    def __init__(
        self,
        store: _Store,
        *,
        events_days: int,
        runs_days: int,
        runbooks_days: int,
        runbook_output: Path,
        clock: Callable[[], datetime],
    ) -> None:
        """Takes the ages from which records go where a call says none.

        Args:
            store: holds the records.
            events_days: of recommend events.
            runs_days: of finished runs and jobs.
            runbooks_days: of runs of runbooks and what schedules decided.
            runbook_output: folder of the files that runs of runbooks leave.
            clock: what "now" is.
        """
        self._runbooks = OldRunbooks(store, runbook_output)
        self._runbooks_days = runbooks_days
        self._store = store
        self._days = (events_days, runs_days)
        self._clock = clock

    def prune(
        self,
        events_days: int | None,
        runs_days: int | None,
        *,
        dry_run: bool,
        compact: bool = False,
    ) -> PruneReport:
        """Deletes what is older, in short transactions: killed anywhere, the rest is left.

        Args:
            events_days: age from which recommend events go, at least 1; None is the setting's.
            runs_days: age from which finished runs and jobs go, at least 1; None is the setting's.
            dry_run: count only.
            compact: give the room that this leaves back to the file system; writers wait.

        Raises:
            InvalidInputError: an age below one day.
            ConfigurationError: no room for the copy that compacting takes.
        """
        now = self._clock()
        events_days = self._days[0] if events_days is None else events_days
        runs_days = self._days[1] if runs_days is None else runs_days
        events_before = _limit(now, events_days, "events_older_than_days")
        runs_before = _limit(now, runs_days, "runs_older_than_days")
        events = self._store.old_events(events_before)
        runs, kept = self._store.old_runs(runs_before)
        jobs = self._store.count_old_jobs(runs_before)
        breaker_changes = self._store.count_breaker_changes(events_before)
        runbooks_before = _limit(now, self._runbooks_days, "TRADINGKB_RUNBOOKS_RETENTION_DAYS")
        runbooks = self._runbooks.before(runbooks_before)
        if not dry_run:
            _in_portions(self._store.delete_events, events)
            _in_portions(self._store.delete_runs, runs)
            for delete, before in (
                (self._store.delete_jobs, runs_before),
                (self._store.delete_breaker_changes, events_before),
            ):
                while delete(before, BATCH) == BATCH:
                    pass
            self._runbooks.forget(runbooks, runbooks_before)
            if compact:
                self._store.compact()
            emit("kb_prune_complete", events=len(events), runs=len(runs), runs_kept=kept, jobs=jobs)
        return PruneReport(
            dry_run,
            len(events),
            len(runs),
            kept,
            jobs,
            events_before,
            runs_before,
            self._store.free_bytes(),
            breaker_changes,
            len(runbooks.run_ids),
            len(runbooks.files),
            runbooks.ticks,
            runbooks_before,
        )


def _in_portions(delete: Callable[[pl.Series], None], keys: pl.Series) -> None:
    for start in range(0, len(keys), BATCH):
        delete(keys.slice(start, BATCH))


def _limit(now: datetime, days: int, field: str) -> datetime:
    if days < 1:
        raise InvalidInputError(f"{days} is no age in days", field=field, remedy="give 1 or more")
    try:
        return now - timedelta(days=days)
    except OverflowError:
        raise InvalidInputError(
            f"{days} days is before the calendar begins", field=field, remedy="give fewer"
        ) from None
