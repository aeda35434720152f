"""The port of backups and of retention: what a store can do as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

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


@dataclass(frozen=True)
class Digest:
    """What tells the rows of a table from others, in whichever database they are.

    Attributes:
        rows: how many there are.
        sha256: of what they say, in hexadecimal, whatever their order.
    """

    rows: int
    sha256: str


@dataclass(frozen=True)
class Surveyed:
    """What a database was found to hold, by a look that changed nothing.

    Attributes:
        revision: of its schema; None where it has no tables yet.
        outdated: whether opening it brings its schema up to date.
        rows: number of rows by table of truth.
        digests: by table; None where the schema is none, or an older one.
        place: see `BackupStore.place`.
    """

    revision: str | None
    outdated: bool
    rows: Mapping[str, int]
    digests: Mapping[str, Digest] | None
    place: str


class BackupStore(Protocol):
    """A store that can be written to one file, and be replaced by one.

    A backup holds every table of truth: no leases and no vectors, which are made again. The same
    file restores into any adapter.
    """

    def row_counts(self) -> dict[str, int]:
        """Number of rows by table of truth."""

    def digests(self) -> dict[str, Digest]:
        """Rows and digest of each table of truth, of one moment.

        Two stores with the same content have the same ones, whichever database each of them is in.
        Left out is what is another in each place: counters of changes, entries of the vector index,
        and notes of moves and of starts of a service.
        """

    def revision(self) -> str:
        """The revision of the schema."""

    def size_bytes(self) -> int:
        """Bytes that everything takes in this database; a backup takes no more."""

    def place(self) -> str:
        """What tells this database from others, by whatever URL it is reached."""

    def write_backup(
        self, path: Path, at: datetime, *, replace: bool, progress: Progress
    ) -> BackupContents:
        """Writes one consistent snapshot to a file, while others read and write.

        The file appears under its name when it is complete, checked and on disk, or not at all.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: the file cannot be written: no room, no permission.
        """

    def read_backup(self, path: Path) -> BackupContents:
        """Reads a backup whole, and changes nothing.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a later major schema wrote it.
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
    """A store that can forget old records, and say what room that leaves."""

    def old_events(self, before: datetime) -> pl.Series:
        """Keys of the recommend events before a time, ascending."""

    def old_runs(self, before: datetime) -> tuple[pl.Series, int]:
        """Keys of the runs that finished before a time and that nothing refers to, ascending.

        And how many others finished before it: a run is kept while a trial or a version of one
        came from it, because withdrawing needs it.
        """

    def delete_events(self, keys: pl.Series) -> None:
        """Deletes the events of these keys in one short transaction; missing ones are no error.

        The sums that they were added to stay; those that an earlier release wrote are added first.
        """

    def delete_runs(self, keys: pl.Series) -> None:
        """Deletes the runs of these keys likewise."""

    def free_bytes(self) -> int | None:
        """Bytes of the database's file that hold nothing; None where the server sees to it."""

    def compact(self) -> None:
        """Gives such bytes back to the file system. Whoever writes waits meanwhile.

        Raises:
            ConfigurationError: no room for the copy that this takes.
            BackendUnavailableError: somebody else writes, and did not end in time.
        """

    def count_breaker_changes(self, before: datetime) -> int:
        """What breakers did before a time, and would be deleted."""

    def delete_breaker_changes(self, before: datetime, limit: int) -> int:
        """Deletes at most so many of these, oldest first; how many it were."""

    def count_old_jobs(self, before: datetime) -> int:
        """Jobs that ended before a time, and would be deleted."""

    def delete_jobs(self, before: datetime, limit: int) -> int:
        """Deletes jobs that ended before a time, likewise."""
