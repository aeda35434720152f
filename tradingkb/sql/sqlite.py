"""Connections to SQLite: how they are opened, looked after and given back.

Python's driver begins transactions late and deferred, so two processes that read and then write
lose updates or fail with "database is locked": transactions are begun here, and writers begin
IMMEDIATE. WAL lets any number of processes read while one writes. But a reader of a WAL file
writes, too: the file of shared memory beside it. Where that cannot be written (a read-only folder,
a full disk) the store is read as it lies there, without locks, if no writer is at work.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.exceptions import ConfigurationError
from tradingkb.sql.sqlite_errors import is_unwritable
from tradingkb.sql.sqlite_file import StoreFile
from tradingkb.sql.sqlite_head import identity

#: From so many bytes on the log is cut back when nobody reads: by itself it never shrinks.
LOG_LIMIT: Final = 32 * 1024 * 1024
#: What is left of a log when a store is closed while other processes have it open.
_LOG_REST: Final = 1024 * 1024
#: Of a pooled connection that reads without locks: the file, what it looked like, and why.
_FROZEN: Final = "tradingkb_frozen"
#: Of a pooled connection: which log it writes to.
_LOG: Final = "tradingkb_log"

_FILES: Final[WeakKeyDictionary[sa.Dialect, StoreFile]] = WeakKeyDictionary()


def sqlite_engine(
    url: sa.URL, *, timeout_s: float, pool_size: int, beside: sa.Engine | None = None
) -> sa.Engine:
    """An engine for a file, or for `:memory:`.

    Args:
        url: of it.
        timeout_s: how long a statement waits for a lock, and a thread for a connection.
        pool_size: connections that are kept open.
        beside: another engine of the same file: it must be the one that this one has open.

    Raises:
        ConfigurationError: the folder of the file cannot be made.
    """
    patience = {"timeout": timeout_s}
    if not url.database or url.database.startswith((":memory:", "file:")):
        engine = sa.create_engine(url, connect_args=patience)
        sa.event.listen(engine, "begin", _on_begin)
        sa.event.listen(engine, "connect", lambda connection, _: _set_up(connection))
        return engine
    _prepare_folder(Path(url.database))
    engine = sa.create_engine(
        url, connect_args=patience, pool_size=pool_size, pool_timeout=timeout_s
    )
    sa.event.listen(engine, "begin", _on_begin)
    known = None if beside is None else _FILES.get(beside.dialect)
    file = known or StoreFile(Path(url.database))
    _FILES[engine.dialect] = file
    connections = _Connections(file)
    sa.event.listen(engine, "do_connect", connections.connect)
    sa.event.listen(engine, "checkout", connections.checkout)
    sa.event.listen(engine, "checkin", connections.checkin)
    sa.event.listen(engine, "commit", connections.commit)
    if known is None:
        sa.event.listen(engine, "engine_disposed", lambda _: file.closed())
    return engine


def cut_log(engine: sa.Engine) -> None:
    """Cuts the log back, if it is worth it and nobody reads; for stores that are being closed."""
    file = _FILES.get(engine.dialect)
    if file is None or _size(file.log) <= _LOG_REST:
        return
    with contextlib.suppress(exc.DBAPIError, ConfigurationError), engine.connect() as connection:
        _checkpoint(connection.connection.dbapi_connection)


class _Connections:
    """What happens to the connections of one engine."""

    def __init__(self, file: StoreFile) -> None:
        self.file = file

    def connect(
        self, dialect: sa.Dialect, record: sa.pool.ConnectionPoolEntry, args: Any, options: Any
    ) -> sqlite3.Connection:
        """Opens the file, if need be to be read as it lies there."""
        self.file.check()
        record.info.pop(_FROZEN, None)
        record.info.pop(_LOG, None)
        connection: sqlite3.Connection = dialect.connect(*args, **options)  # type: ignore[assignment]
        try:
            _set_up(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            return self._frozen(record, error)
        self.file.opened()
        record.info[_LOG] = identity(self.file.log)
        return connection

    def _frozen(
        self, record: sa.pool.ConnectionPoolEntry, error: sqlite3.OperationalError
    ) -> sqlite3.Connection:
        path = self.file.path
        if not is_unwritable(error) or not path.is_file() or self._at_work():
            raise error
        record.info[_FROZEN] = self._stamp(), error
        url = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return _set_up(sqlite3.connect(url, uri=True, check_same_thread=False))

    def checkout(self, _: Any, record: sa.pool.ConnectionPoolEntry, __: Any) -> None:
        """Looks after the file, and opens it anew where it is read without locks and written."""
        if (frozen := record.info.get(_FROZEN)) is None:
            self.file.check()
            self.file.check_log(record.info.get(_LOG))
        elif frozen[0] != self._stamp():
            raise exc.DisconnectionError(f"{self.file.path} has changed")

    def commit(self, connection: sa.Connection) -> None:
        """Nothing counts as written that went into a file which nobody will open again."""
        if writes(connection):
            self.file.check()

    def checkin(self, connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        """Cuts a long log back: the next writer would go on behind what is in it for ever."""
        if connection is not None and _FROZEN not in record.info and self._is_long():
            with contextlib.suppress(sqlite3.Error):
                _checkpoint(connection)

    def _is_long(self) -> bool:
        return _size(self.file.log) > LOG_LIMIT

    def _at_work(self) -> bool:
        """Whether commits are in the log that the file itself does not have yet."""
        return _size(self.file.log) > 0

    def _stamp(self) -> tuple[int, int, bool] | None:
        if not self.file.path.is_file():
            return None
        found = self.file.path.stat()
        return found.st_mtime_ns, found.st_size, self._at_work()


def writes(connection: sa.Connection) -> bool:
    """Whether the transaction of a connection writes."""
    return bool(connection.get_execution_options().get("tradingkb_writer", False))


def _on_begin(connection: sa.Connection) -> None:
    writer = writes(connection)
    if writer and _FROZEN in connection.connection.info:
        connection.invalidate()  # it can be written by now
        if _FROZEN in connection.connection.info:
            raise connection.connection.info[_FROZEN][1]
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _prepare_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the store's folder {path.parent} cannot be created: {error.strerror}; "
            "give another home to connect() or set TRADINGKB_HOME"
        ) from error


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None  # transactions are begun by _on_begin
    pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
    for pragma in (*pragmas, f"journal_size_limit={LOG_LIMIT}"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _checkpoint(connection: Any) -> None:
    """Moves what is in the log into the file and cuts the log, without waiting for anybody."""
    with _impatient(connection):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextlib.contextmanager
def _impatient(connection: Any) -> Iterator[None]:
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
