"""The port of backups and of retention: what a store can do as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tradingkb.progress import Progress


@dataclass(frozen=True)
class BackupContents:
    """What a backup file holds.

    Attributes:
        made_at: when; None for the file of a store, which says nothing about it.
        schema: revision of the schema that the file had when it was opened.
        rows: number of rows by table.
        notes: what whoever relies on the file should know.
    """

    made_at: datetime | None
    schema: str
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What a restore did: the rows by table before it, and what it brought."""

    before: Mapping[str, int]
    contents: BackupContents


class BackupStore(Protocol):
    """A store that can be written to one file, and be replaced by one.

    A backup holds every table of truth: no leases and no vectors, which are made again. The same
    file restores into any adapter.
    """

    def row_counts(self) -> dict[str, int]:
        """Number of rows by table of truth."""

    def write_backup(
        self, path: Path, at: datetime, *, replace: bool, progress: Progress
    ) -> BackupContents:
        """Writes one consistent snapshot to a file, while others read and write.

        The file appears under its name when it is complete, checked and on disk, or not at all.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: the file cannot be written: no room, no permission.
        """

    def restore_backup(self, path: Path, *, replace: bool, progress: Progress) -> Restored:
        """Replaces the whole content by a backup's, in one transaction: all of it or nothing.

        Readers see the old content until then. Every generation moves beyond any that was ever
        seen, every index entry is marked as unfinished, and embedded vectors are deleted.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a later major schema wrote it.
            InvalidInputError: the store is not empty, without `replace`.
            ConfigurationError: the store cannot be written.
        """


class RetentionStore(Protocol):
    """A store that can forget old records."""

    def delete_events(self, before: datetime, limit: int) -> int:
        """Deletes the oldest recommend events before a time, in one short transaction.

        Returns:
            How many; fewer than `limit` when none is left.
        """

    def delete_runs(self, before: datetime, limit: int) -> int:
        """Deletes runs that finished before a time and that nothing refers to, likewise."""

    def count_old(self, events_before: datetime, runs_before: datetime) -> tuple[int, int, int]:
        """Events and runs that would be deleted, and old runs that are kept.

        A run is kept while a trial or a version of one came from it: withdrawing needs it.
        """

    def count_old_jobs(self, before: datetime) -> int:
        """Jobs that ended before a time, and would be deleted."""

    def delete_jobs(self, before: datetime, limit: int) -> int:
        """Deletes jobs that ended before a time, likewise."""
