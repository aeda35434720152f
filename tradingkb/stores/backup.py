"""Writing the store to a backup, and replacing it by one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from tradingkb.exceptions import BackendUnavailableError, InvalidBackupError, InvalidInputError
from tradingkb.ports import BackupContents, Restored
from tradingkb.progress import Progress
from tradingkb.sql import identity, note_growth, reading, writing
from tradingkb.stores import schema
from tradingkb.stores.backup_contents import damaged
from tradingkb.stores.backup_file import OpenBackup, new_backup, open_backup, seal, written
from tradingkb.stores.migrate import VERSION_TABLE, is_known
from tradingkb.stores.transfer import (
    DERIVED,
    TABLES,
    column_names,
    count_rows,
    insert,
    stream,
    stream_file,
)

#: What a restore may replace unasked: `tradingkb init` leaves a workspace behind, and a service
#: that nobody has asked anything a note that it was started.
_NOTHING_LOST: Final = (schema.workspaces, schema.generations, schema.changes)
#: Indexes that a restore needs on PostgreSQL and nothing else does.
_HELP_DELETES: Final = {
    "ix_restore_trials": "trials (param_set_id)",
    "ix_restore_version_sets": "trial_versions (param_set_id)",
    "ix_restore_version_windows": "trial_versions (window_id)",
}


class BackupQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.BackupStore` for the guarantees."""

    engine: sa.Engine

    def row_counts(self) -> dict[str, int]:
        """Number of rows by table of truth."""
        with reading(self.engine) as connection:
            return count_rows(connection)

    def write_backup(
        self, path: Path, at: datetime, *, replace: bool, progress: Progress
    ) -> BackupContents:
        """Writes one snapshot to a file.

        Raises:
            InvalidInputError: the file exists (without `replace`), or cannot be one.
            ConfigurationError: the file cannot be written.
        """
        self._refuse_own_file(path)
        with new_backup(path, replace=replace) as target:
            with reading(self.engine) as connection:
                counts, notes = count_rows(connection), _notes(connection)
                _write(connection, target, path, counts, progress)
            revision = seal(target, at, counts)
        return BackupContents(at, revision, counts, notes)

    def read_backup(self, path: Path) -> BackupContents:
        """Reads a backup whole, and changes nothing.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a later major schema wrote it.
        """
        with open_backup(path) as backup:
            return backup.contents

    def restore_backup(self, path: Path, *, replace: bool, progress: Progress) -> Restored:
        """Replaces the whole content by a backup's, in one transaction.

        Raises:
            InvalidBackupError: the file is missing, no backup, or damaged.
            StoreTooNewError: a later major schema wrote it.
            InvalidInputError: the store is not empty, without `replace`.
        """
        self._refuse_own_file(path)
        _refuse_loss(self.row_counts(), replace)  # before a long check of the file
        with open_backup(path) as backup, writing(self.engine) as connection:
            _lock(connection)
            before = count_rows(connection)
            _refuse_loss(before, replace)
            with _refused_rows_named(path):
                _replace(connection, backup, path, progress)
        self._drop_helpers()
        return Restored(before, backup.contents)

    def _drop_helpers(self) -> None:
        """Apart from the restore: dropping waits for readers, and what stays does no harm."""
        if self.engine.dialect.name == "postgresql":
            with contextlib.suppress(BackendUnavailableError), writing(self.engine) as connection:
                connection.execute(sa.text(f"DROP INDEX IF EXISTS {', '.join(_HELP_DELETES)}"))

    def _refuse_own_file(self, path: Path) -> None:
        database = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not database:
            return
        if (own := identity(Path(database))) is not None and identity(path) == own:
            raise InvalidInputError(
                f"{path} is the file of this very store", field="path", remedy="name another file"
            )


@contextmanager
def _refused_rows_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise InvalidBackupError(
            f"the rows of {path} contradict each other: {error.orig}",
            field="path",
            remedy="restore another one; nothing has been changed",
        ) from error


def _write(
    connection: sa.Connection,
    target: sqlite3.Connection,
    path: Path,
    counts: dict[str, int],
    progress: Progress,
) -> None:
    done, total = 0, sum(counts.values())
    target.execute("BEGIN")
    for table in TABLES:
        names = column_names(table)
        statement = (
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        )
        for rows in stream(connection, table):
            with written(path):
                target.executemany(statement, rows)
            done += len(rows)
            progress("backup", done, total)
    with written(path):
        target.execute("COMMIT")


def _notes(connection: sa.Connection) -> tuple[str, ...]:
    revision = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    if revision is None or is_known(str(revision)):
        return ()
    return (
        f"a later release upgraded the store's schema (to {revision}): what it added is not in "
        "this backup",
    )


def _refuse_loss(counts: dict[str, int], replace: bool) -> None:
    kept = {t.name for t in _NOTHING_LOST}
    held = {name: n for name, n in counts.items() if n and name not in kept}
    if held and not replace:
        first = ("trials", "strategy_specs", "recommend_events", "ingest_runs")
        known = {name: held[name] for name in first if name in held} or held
        listing = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in known.items())
        raise InvalidInputError(
            f"the store is not empty ({listing})",
            field="replace",
            remedy="back it up, then say replace=True, or restore into another home",
        )


def _lock(connection: sa.Connection) -> None:
    """Keeps other writers out, and lets readers in: SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(t.name for t in (*DERIVED, *TABLES))
        connection.execute(sa.text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _replace(connection: sa.Connection, backup: OpenBackup, path: Path, progress: Progress) -> None:
    known = connection.execute(sa.select(schema.generations)).all()
    _empty(connection)
    done, total = 0, sum(backup.contents.rows.values())
    for table in TABLES:
        for chunk in _rows(backup.connection, table, path):
            insert(connection, table, chunk)
            done += len(chunk)
            progress("restore", done, total)
    _move_generations(connection, known)
    _drop_vectors(connection)
    _move_sequences(connection)
    for table in TABLES:
        note_growth(connection, table, backup.contents.rows.get(table.name, 0))


def _rows(source: sqlite3.Connection, table: sa.Table, path: Path) -> Iterator[list[Any]]:
    """The rows of a backup; what cannot be read is its damage, not that of the store."""
    try:
        yield from stream_file(source, table.name, _sources(table), _key(table))
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error


def _empty(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # For each row that goes, PostgreSQL looks for rows that refer to it, among deleted ones
        # too. TRUNCATE would not look, but keep readers out.
        for name, on in _HELP_DELETES.items():
            connection.execute(sa.text(f"CREATE INDEX IF NOT EXISTS {name} ON {on}"))
    for table in (*DERIVED, *reversed(TABLES)):
        connection.execute(sa.delete(table))


def _key(table: sa.Table) -> list[str]:
    return [c.name for c in table.primary_key.columns]


def _sources(table: sa.Table) -> list[str]:
    """Columns of the backup; no index entry is finished, since no vector came with it."""
    unfinished = table is schema.kb_trial_index
    return ["''" if unfinished and c == "content_hash" else c for c in column_names(table)]


def _move_generations(connection: sa.Connection, known: Sequence[sa.Row[Any]]) -> None:
    """Every strategy, come or gone, gets one number above all: no cache has seen it.

    One number for all, since a workspace may leave with one restore and return with the next.
    """
    table = schema.generations
    restored = connection.execute(sa.select(table)).all()
    spaces = set(connection.scalars(sa.select(schema.workspaces.c.id)))
    newest = max((row.generation for row in [*known, *restored]), default=0) + 1
    names = {(r.workspace_id, r.strategy_name) for r in [*known, *restored]}
    rows = [(space, name, newest, None, None) for space, name in sorted(names) if space in spaces]
    connection.execute(sa.delete(table))
    if rows:
        insert(connection, table, rows)


def _drop_vectors(connection: sa.Connection) -> None:
    """The embedded index is derived; its generations only ever grow, or caches would believe it."""
    connection.execute(sa.text("DELETE FROM kb_vectors"))
    connection.execute(sa.text("UPDATE kb_vector_generations SET generation = generation + 1"))


def _move_sequences(connection: sa.Connection) -> None:
    """New rows of PostgreSQL get numbers that neither content has used."""
    if connection.dialect.name != "postgresql":
        return
    for table in TABLES:
        if "id" in table.columns and isinstance(table.c.id.type, sa.BigInteger):
            connection.execute(
                sa.text(
                    "SELECT setval(s, greatest(nextval(s), "
                    f"(SELECT max(id) FROM {table.name}) + 1))"
                    f" FROM pg_get_serial_sequence('{table.name}', 'id') AS s"
                )
            )
