"""Engines: how connections to SQLite and PostgreSQL are opened.

SQLite notes. Python's driver begins transactions late and deferred, so two processes that read
and then write lose updates or fail with "database is locked": transactions are begun here, and
writers begin IMMEDIATE. WAL lets any number of processes read while one writes. But a reader of a
WAL file writes, too: the file of shared memory beside it. Where that cannot be written (a read-only
folder, a full disk) the store is read as it lies there, without locks, if no writer is at work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.sql.postgres import named_errors, postgres_engine

#: Marks a connection whose transaction will write.
WRITER = {"tradingkb_writer": True}
_DOOR: Final = "tradingkb_door"
#: Of a pooled connection that reads without locks: the file, and what it looked like.
_FROZEN = "tradingkb_frozen"
_UNWRITABLE = ("readonly", "read-only", "unable to open", "disk is full", "disk i/o")


def open_engine(
    url: str | sa.URL,
    *,
    timeout_s: float = 10.0,
    statement_timeout_s: float = 10.0,
    pool_size: int = 5,
) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    Args:
        url: a SQLAlchemy URL.
        timeout_s: how long a statement waits for a lock, and a thread for a connection.
        statement_timeout_s: how long a statement may take on PostgreSQL, outside `unhurried`.
        pool_size: connections that are kept open; ten more are opened when these are at work.

    Raises:
        ConfigurationError: the folder of a SQLite file cannot be written.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return postgres_engine(
            parsed,
            timeout_s=timeout_s,
            statement_timeout_s=statement_timeout_s,
            pool_size=pool_size,
        )
    pool = {}
    if parsed.database and not parsed.database.startswith((":memory:", "file:")):
        _prepare_folder(Path(parsed.database))
        pool = {"pool_size": pool_size, "pool_timeout": timeout_s}
    engine = sa.create_engine(parsed, connect_args={"timeout": timeout_s}, **pool)
    sa.event.listen(engine, "do_connect", _connect)
    sa.event.listen(engine, "checkout", _on_checkout)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _prepare_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the store's folder {path.parent} cannot be created: {error.strerror}; "
            "give another home to connect() or set TRADINGKB_HOME"
        ) from error


def _connect(
    dialect: sa.Dialect, record: sa.pool.ConnectionPoolEntry, args: Any, options: Any
) -> sqlite3.Connection:
    connection: Any = dialect.connect(*args, **options)
    record.info.pop(_FROZEN, None)
    try:
        return _set_up(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        path = Path(args[0])
        if not _says_unwritable(error) or not path.is_file() or _at_work(path):
            raise
        record.info[_FROZEN] = path, _stamp(path)
        url = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return _set_up(sqlite3.connect(url, uri=True, check_same_thread=False))


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.isolation_level = None  # transactions are begun by _on_begin
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _on_checkout(_connection: Any, record: sa.pool.ConnectionPoolEntry, _proxy: Any) -> None:
    """Opens a store anew that is read without locks, when somebody has written it."""
    path, stamp = record.info.get(_FROZEN, (None, None))
    if path is not None and stamp != _stamp(path):
        raise exc.DisconnectionError(f"{path} has changed")


def _at_work(path: Path) -> bool:
    """Whether commits are in the log that the file itself does not have yet."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _stamp(path: Path) -> tuple[int, int, bool] | None:
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_mtime_ns, found.st_size, _at_work(path)


def _says_unwritable(error: object) -> bool:
    return any(word in str(error).lower() for word in _UNWRITABLE)


def _on_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("tradingkb_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_NONE: Final[Mapping[sa.Engine, sa.Connection]] = MappingProxyType({})
#: Transactions that calls inside join instead of beginning their own; of this thread or task.
_OPEN: Final[ContextVar[Mapping[sa.Engine, sa.Connection]]] = ContextVar("_OPEN", default=_NONE)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent snapshot; errors are translated. Inside `together` the transaction of that."""
    if (joined := _OPEN.get().get(engine)) is not None:
        yield joined
        return
    with _entered(engine, write=False) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, committed at the end or rolled back; errors are translated.

    Inside `together(engine, write=True)` it is that transaction; inside one that reads, another.
    """
    joined = _OPEN.get().get(engine)
    if joined is not None and _writes(joined):
        yield joined
        return
    with _entered(engine, write=True) as connection:
        yield connection


class Door(Protocol):
    """Through which transactions pass: it may connect again, or not at all."""

    def __call__(
        self, begin: Callable[[], sa.Connection], write: bool
    ) -> AbstractContextManager[sa.Connection]:
        """The connection that `begin` gives."""


def put_door(engine: sa.Engine, door: Door) -> None:
    """From now on the engine's transactions pass through a door."""
    engine.update_execution_options(**{_DOOR: door})


@contextmanager
def _entered(engine: sa.Engine, *, write: bool) -> Iterator[sa.Connection]:
    begin = partial(_begun, engine, write)
    door: Door | None = engine.get_execution_options().get(_DOOR)
    passed = nullcontext(begin()) if door is None else door(begin, write)
    with passed as connection, translated(engine), connection, _begun_in(connection):
        yield connection


def _begun_in(connection: sa.Connection) -> AbstractContextManager[Any]:
    """The transaction that was begun, to be ended."""
    return connection.get_transaction() or nullcontext()


def _begun(engine: sa.Engine, write: bool) -> sa.Connection:
    """A connection; for writers with a transaction, others begin when they first read."""
    with translated(engine):
        connection = engine.connect()
        if write:
            try:
                connection.execution_options(**WRITER).begin()
            except BaseException:
                connection.close()
                raise
        return connection


@contextmanager
def together(engine: sa.Engine, *, write: bool = False) -> Iterator[None]:
    """What this thread does inside, whoever does it, is one transaction: begun and ended once.

    Args:
        engine: of what is done.
        write: for transactions that write; all of it is written at the end, or nothing.
    """
    open_one = writing if write else reading
    with open_one(engine) as connection:
        before = _OPEN.set({**_OPEN.get(), engine: connection})
        try:
            yield
        finally:
            _OPEN.reset(before)


def _writes(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get("tradingkb_writer", False))


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turns driver errors into errors that say what to do next."""
    if engine.dialect.name == "postgresql":
        with named_errors(engine.url.render_as_string(hide_password=True)):
            yield
        return
    try:
        yield
    except (exc.OperationalError, exc.TimeoutError, exc.InterfaceError) as error:
        reason = str(getattr(error, "orig", None) or error)
        where = engine.url.render_as_string(hide_password=True)
        if _says_unwritable(reason):
            raise ConfigurationError(
                f"the store {where} cannot be written: {reason}; "
                "check the folder's permissions and free space, or give another home"
            ) from error
        if "no such table" in reason or "no such column" in reason:
            raise  # a bug of ours, not a state of the world
        raise BackendUnavailableError(f"the database {where} did not answer: {reason}") from error
