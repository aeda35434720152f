"""The file of a backup: a SQLite database with the store's schema and a table of contents.

It is itself a store without vectors. The table of contents counts the rows of each table and
keeps a digest of them, so that a file that has lost or changed a value is told from a sound one.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from tradingkb.exceptions import (
    ConfigurationError,
    DiskFullError,
    InvalidBackupError,
    StoreTooNewError,
    TradingKBError,
)
from tradingkb.ports import BackupContents
from tradingkb.sql import first_bytes, named, open_engine
from tradingkb.stores.backup_contents import damaged, summary, verified, write_contents
from tradingkb.stores.backup_place import WAL, WAL_BYTE, refuse_place
from tradingkb.stores.migrate import SCHEMA_MAJOR, VERSION_TABLE, is_older, migrate
from tradingkb.stores.partial import partial
from tradingkb.stores.transfer import TABLES, column_names

_MAGIC: Final = b"SQLite format 3\x00"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_backup(path: Path, *, replace: bool) -> Iterator[sqlite3.Connection]:
    """A connection to an empty backup, which becomes `path` when the block ends without error.

    Raises:
        InvalidInputError: `path` exists (without `replace`), is a folder or in no folder.
        ConfigurationError: the file cannot be written.
    """
    refuse_place(path, replace=replace)
    with written(path), partial(path) as temporary:
        _create(temporary)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            # No other process knows the file, and it is on disk before it gets its name.
            for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF"):
                connection.execute(f"PRAGMA {pragma}")
            yield connection
        _sync(temporary)
        refuse_place(path, replace=replace)
        temporary.replace(path)
        _sync(path.parent)


def seal(connection: sqlite3.Connection, at: datetime, expected: dict[str, int]) -> str:
    """Checks what was written, adds the table of contents, and returns the schema's revision.

    Raises:
        ConfigurationError: the file does not hold what was written to it.
    """
    contents = {name: summary(connection, name, column_names(t)) for name, t in _tables()}
    found = {name: entry["rows"] for name, entry in contents.items()}
    broken = _problem(connection) or connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken or found != expected:
        raise ConfigurationError(
            f"the backup is not what was written to it ({broken or found}): check the disk"
        )
    write_contents(connection, at, contents)
    return _revision(connection)


@dataclass(frozen=True)
class OpenBackup:
    """A sound backup of the current schema."""

    connection: sqlite3.Connection
    contents: BackupContents


@contextmanager
def open_backup(path: Path) -> Iterator[OpenBackup]:
    """Opens a backup, or the file of a store, to be read; an older schema as a migrated copy.

    Raises:
        InvalidBackupError: it is missing, no backup, or damaged.
        StoreTooNewError: a later major schema wrote it.
        ConfigurationError: there is no room for the copy.
    """
    sealed = _is_sealed(path)
    try:
        with closing(_read_only(path)) as connection:
            connection.execute("BEGIN")  # the file of a store may be written to meanwhile
            _refuse_foreign(connection, path)
            made_at = verified(connection, path) if sealed else None
            if problem := _problem(connection):
                raise damaged(path, problem)
            revision = _revision(connection)
            with _current(connection, revision, path) as current:
                rows = {name: _count(current, name) for name, _ in _tables()}
                yield OpenBackup(current, BackupContents(made_at, revision, rows))
    except sqlite3.Error as error:
        raise damaged(path, str(error)) from error


def _create(path: Path) -> None:
    engine = open_engine(sa.URL.create("sqlite", database=str(path)))
    try:
        migrate(engine)
    except TradingKBError as error:
        cause = getattr(error.__cause__, "orig", None) or error.__cause__ or error
        raise OSError(str(cause)) from error
    finally:
        engine.dispose()


@contextmanager
def written(path: Path) -> Iterator[None]:
    """What fails inside is the backup that is being written."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        kind = DiskFullError if _has_no_room(error) else ConfigurationError
        raise kind(
            f"the backup {path} cannot be written: {reason}; "
            "check the folder's permissions and free space, or name another folder"
        ) from error


def _has_no_room(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return isinstance(named(error, ""), DiskFullError)
    return isinstance(error.__cause__, DiskFullError) or getattr(error, "errno", None) in _NO_ROOM


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on disk."""
    if os.name == "nt" and path.is_dir():  # folders cannot be opened there
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_sealed(path: Path) -> bool:
    """Whether nobody has opened the file as a store since it was made.

    Raises:
        InvalidBackupError: it is no SQLite file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise _no_backup(path, "it is no file")
        head = first_bytes(path, 100)  # it may be a store that this process has open
    except OSError as error:
        raise InvalidBackupError(
            f"{path} cannot be read: {error.strerror}", field="path", remedy="check the path"
        ) from error
    except ValueError as error:
        if isinstance(error, InvalidBackupError):
            raise
        raise InvalidBackupError(
            f"{str(path)!a} cannot be a path", field="path", remedy="check the path"
        ) from None
    if not head.startswith(_MAGIC):
        raise _no_backup(path, "it is no SQLite file")
    return head[WAL_BYTE] != WAL


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None
    )


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    names = {n for (n,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"tradingkb_schema", VERSION_TABLE} <= names:
        raise _no_backup(path, "it holds no tradingkb store")
    (major,) = connection.execute("SELECT max(major) FROM tradingkb_schema").fetchone()
    if major is not None and int(major) > SCHEMA_MAJOR:
        raise StoreTooNewError(
            f"the backup {path} has schema {major}, this release reads {SCHEMA_MAJOR}: "
            "restore it with the release that made it, or upgrade tradingkb"
        )


@contextmanager
def _current(
    connection: sqlite3.Connection, revision: str, path: Path
) -> Iterator[sqlite3.Connection]:
    """The backup itself, or a copy of it with the current schema."""
    if not is_older(revision):
        yield connection
        return
    with tempfile.TemporaryDirectory(prefix="tradingkb") as folder:
        copy = Path(folder) / "backup.db"
        try:
            with closing(sqlite3.connect(copy)) as target:
                connection.backup(target)
            _create(copy)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"the backup {path} has an older schema and cannot be copied to {folder} to be "
                f"upgraded: {error}; make room there, or set TMPDIR"
            ) from error
        with closing(_read_only(copy)) as migrated:
            yield migrated


def _problem(connection: sqlite3.Connection) -> str | None:
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if answer == "ok" else str(answer)


def _revision(connection: sqlite3.Connection) -> str:
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    return str(row[0]) if row else ""


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _tables() -> list[tuple[str, Any]]:
    return [(t.name, t) for t in TABLES]


def _no_backup(path: Path, reason: str) -> InvalidBackupError:
    return InvalidBackupError(
        f"{path} is no backup: {reason}",
        field="path",
        remedy="name a file that kb.backup() wrote, or the tradingkb.db of a home",
    )
