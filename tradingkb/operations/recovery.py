"""Keeping a store for years: backup, restore, retention."""

from __future__ import annotations

from pathlib import Path

from tradingkb.admin.backup import BackupJob, BackupReport, RestoreReport
from tradingkb.admin.reconcile import Reconciliation
from tradingkb.admin.retention import PruneReport, RetentionJob
from tradingkb.operations.upkeep import Upkeep
from tradingkb.progress import progress_bar
from tradingkb.recommend import RecommendJob
from tradingkb.settings import Settings


class Recovery(Upkeep):
    """Part of `KnowledgeBase`: backup, restore, retention."""

    settings: Settings
    _recommend_job: RecommendJob

    def backup(self, path: str | Path, replace: bool = False) -> BackupReport:
        """Writes everything but vectors and leases to one file, while others read and write.

        The file is one consistent snapshot, and restores into SQLite and PostgreSQL alike. It
        gets its name when it is complete, checked and on disk.

        Args:
            path: the file, in a folder that exists.
            replace: whether a file of that name may be replaced.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: it cannot be written: no room, no permission.
        """
        self._recommend_job.events.flush()
        with progress_bar(self._progress, unit="rows") as progress:
            return BackupJob(self._store, clock=self._clock).backup(
                Path(path).expanduser(), replace=replace, progress=progress
            )

    def restore(self, path: str | Path, replace: bool = False) -> RestoreReport:
        """Replaces everything by the content of a backup, then makes the index again.

        All of it or nothing: killed anywhere, the old content stays. Others go on reading the old
        content until the new one is complete, and see the new one then.

        Args:
            path: a backup, or the file of an embedded store, of this or an older schema.
            replace: whether what is stored may be replaced. Workspaces without content always may.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a newer release with another major schema wrote it.
            InvalidInputError: the store is not empty, without `replace`.
            WorkspaceBusyError: an ingest does not finish.
        """
        self._recommend_job.events.flush()  # they belong to the old content
        with progress_bar(self._progress, unit="rows") as progress:
            return BackupJob(self._store, clock=self._clock).restore(
                Path(path).expanduser(),
                replace=replace,
                rebuild=self._repaired,
                progress=progress,
            )

    def prune(
        self,
        events_older_than_days: int | None = None,
        runs_older_than_days: int | None = None,
        dry_run: bool = True,
    ) -> PruneReport:
        """Forgets old recommend events and finished runs of all workspaces; trials stay.

        Args:
            events_older_than_days: default TRADINGKB_EVENTS_RETENTION_DAYS.
            runs_older_than_days: default TRADINGKB_RUNS_RETENTION_DAYS. Runs that stored trials
                came from are kept: withdrawing one needs it.
            dry_run: count only; False deletes.

        Raises:
            InvalidInputError: an age below one day.
        """
        given = (events_older_than_days, runs_older_than_days)
        default = (self.settings.events_retention_days, self.settings.runs_retention_days)
        days = [d if g is None else g for g, d in zip(given, default, strict=True)]
        return RetentionJob(self._store, clock=self._clock).prune(*days, dry_run=dry_run)

    def _repaired(self, workspace: str) -> Reconciliation:
        return self.reconcile(repair=True, workspace=workspace)
