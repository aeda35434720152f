"""Backup and restore: one file that holds every table of truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tradingkb.domain import Workspace
from tradingkb.exceptions import TradingKBError
from tradingkb.indexing import Reconciliation
from tradingkb.jobs import Leases
from tradingkb.observability import emit
from tradingkb.ports import BackupStore, Restored, WorkspaceStore
from tradingkb.progress import Progress
from tradingkb.reports import Report

#: Repairs the index of a workspace.
Rebuild = Callable[[Workspace], Reconciliation]


@dataclass(frozen=True, repr=False)
class BackupReport(Report):
    """What a backup wrote.

    Attributes:
        path: the file.
        made_at: the time of the backup.
        schema: revision of its schema.
        rows: number of rows by table.
        size_bytes: size of the file.
        notes: what the user should know.
        duration_s: wall time.
    """

    path: str
    made_at: datetime
    schema: str
    rows: dict[str, int]
    size_bytes: int
    notes: tuple[str, ...]
    duration_s: float

    def summary(self) -> str:
        """One line."""
        return f"backup {self.path} ({self.size_bytes / 1e6:,.1f} MB): {_listed(self.rows)}"

    def details(self) -> list[str]:
        """What the user should know."""
        return [f"note: {note}" for note in self.notes]


@dataclass(frozen=True, repr=False)
class BackupCheck(Report):
    """What a backup was found to hold, when all of it was read.

    Attributes:
        path: the file.
        made_at: when it was made; None when it is the file of a store.
        schema: revision of its schema.
        rows: number of rows by table.
        size_bytes: size of the file.
        duration_s: wall time.
    """

    path: str
    made_at: datetime | None
    schema: str
    rows: dict[str, int]
    size_bytes: int
    duration_s: float

    def summary(self) -> str:
        """One line."""
        made = f" of {self.made_at:%Y-%m-%d %H:%M} UTC" if self.made_at else ""
        return f"{self.path}{made} can be read ({self.size_bytes / 1e6:,.1f} MB): " + _listed(
            self.rows
        )


@dataclass(frozen=True, repr=False)
class RestoreReport(Report):
    """What a restore replaced, and with what.

    Attributes:
        path: the backup.
        made_at: when it was made; None when it is the file of a store.
        schema: revision of its schema; an older one was upgraded on the way.
        before: rows by table that were replaced.
        rows: rows by table now.
        index: by workspace, the points of its active collection after the repair.
        failed: by workspace, why its index could not be repaired.
        duration_s: wall time.
    """

    path: str
    made_at: datetime | None
    schema: str
    before: dict[str, int]
    rows: dict[str, int]
    index: dict[str, int]
    failed: dict[str, str]
    duration_s: float

    @property
    def complete(self) -> bool:
        """Whether the index of every workspace was repaired, too."""
        return not self.failed

    def summary(self) -> str:
        """One line."""
        made = f" of {self.made_at:%Y-%m-%d %H:%M} UTC" if self.made_at else ""
        return f"restored {self.path}{made}: {_listed(self.rows)}"

    def details(self) -> list[str]:
        """What was replaced, and the index of each workspace."""
        lines = [f"replaced: {_listed(self.before)}"]
        lines += [f"index of {slug}: {n:,} points" for slug, n in self.index.items()]
        lines += [f"index of {slug} is not complete: {why}" for slug, why in self.failed.items()]
        if self.failed:
            lines.append("the trials are restored; kb.reconcile(repair=True) completes the index")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {**super().to_dict(), "complete": self.complete}


class _Store(BackupStore, WorkspaceStore, Protocol):
    """What backups need of a store."""


class Backups:
    """Backup and restore against ports."""

    def __init__(
        self,
        store: _Store,
        leases: Leases,
        rebuild: Rebuild,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._leases = leases
        self._rebuild = rebuild
        self._clock = clock

    def backup(self, path: Path, *, replace: bool, progress: Progress) -> BackupReport:
        """Writes a backup, while others work on.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: it cannot be written.
        """
        began, at = time.monotonic(), self._clock()
        contents = self._store.write_backup(path, at, replace=replace, progress=progress)
        report = BackupReport(
            str(path),
            at,
            contents.schema,
            dict(contents.rows),
            path.stat().st_size,
            contents.notes,
            round(time.monotonic() - began, 3),
        )
        emit(
            "kb_backup_complete",
            path=str(path),
            trials=contents.rows["trials"],
            size_bytes=report.size_bytes,
            duration_s=report.duration_s,
        )
        return report

    def check(self, path: Path) -> BackupCheck:
        """Reads a backup whole, and changes nothing.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a newer release with another major schema wrote it.
        """
        began = time.monotonic()
        found = self._store.read_backup(path)
        return BackupCheck(
            str(path),
            found.made_at,
            found.schema,
            dict(found.rows),
            path.stat().st_size,
            round(time.monotonic() - began, 3),
        )

    def restore(self, path: Path, *, replace: bool, progress: Progress) -> RestoreReport:
        """Replaces everything by a backup's content, then makes the index again.

        Ingests of the workspaces are waited for and kept out meanwhile: they hold numbers of
        windows and trials which would mean others afterwards.

        Raises:
            InvalidInputError: no backup, a damaged one, or a store that is not empty.
            WorkspaceBusyError: an ingest does not finish.
        """
        began = time.monotonic()
        done = self.put(path, replace=replace, progress=progress)
        contents = done.contents
        index, failed = self._repair()
        return RestoreReport(
            str(path),
            contents.made_at,
            contents.schema,
            dict(done.before),
            dict(contents.rows),
            index,
            failed,
            round(time.monotonic() - began, 3),
        )

    def put(self, path: Path, *, replace: bool, progress: Progress) -> Restored:
        """The restore alone; the index is left to whoever calls. Raises as `restore`."""
        with ExitStack() as stack:
            for space in self._store.workspaces():
                stack.enter_context(self._leases.hold(space))
            done = self._store.restore_backup(path, replace=replace, progress=progress)
        emit(
            "kb_restore_complete",
            path=str(path),
            trials=done.contents.rows["trials"],
            replaced_trials=done.before["trials"],
        )
        return done

    def _repair(self) -> tuple[dict[str, int], dict[str, str]]:
        index, failed = {}, {}
        for space in self._store.workspaces():
            try:
                found = self._rebuild(space)
            except TradingKBError as error:  # the truth is restored: that must be said in any case
                failed[space.slug] = str(error)
                continue
            after = found.before if found.after is None else found.after
            index[space.slug] = int(after.filter("active")["held"].sum())
        return index, failed


def _listed(rows: Mapping[str, int]) -> str:
    first = ("trials", "windows", "param_sets", "recommend_events", "ingest_runs")
    return ", ".join(f"{rows[name]:,} {name.replace('_', ' ')}" for name in first)
