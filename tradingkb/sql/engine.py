"""Engines: how connections to SQLite and PostgreSQL are opened.

SQLite notes. Python's driver begins transactions late and deferred, so two processes that read
and then write lose updates or fail with "database is locked": transactions are begun here, and
writers begin IMMEDIATE. WAL lets any number of processes read while one writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError

#: Marks a connection whose transaction will write.
WRITER = {"tradingkb_writer": True}
_UNWRITABLE = ("readonly", "read-only", "unable to open", "disk is full", "disk i/o")


def open_engine(url: str | sa.URL, *, timeout_s: float = 10.0) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    Args:
        url: a SQLAlchemy URL.
        timeout_s: how long a statement waits for a lock; on PostgreSQL a connection, too.

    Raises:
        ConfigurationError: the folder of a SQLite file cannot be written.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # psycopg takes whole seconds, and at least two, for a connection.
        connect_args = {
            "connect_timeout": max(2, int(timeout_s)),
            "options": f"-c lock_timeout={int(timeout_s * 1000)}",
        }
        return sa.create_engine(parsed, pool_pre_ping=True, connect_args=connect_args)
    if parsed.database and not parsed.database.startswith((":memory:", "file:")):
        _prepare_folder(Path(parsed.database))
    engine = sa.create_engine(parsed, connect_args={"timeout": timeout_s})
    sa.event.listen(engine, "connect", _on_connect)
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


def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _on_begin
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: sa.Connection) -> None:
    writer = connection.get_execution_options().get("tradingkb_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent snapshot; errors are translated."""
    with translated(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, committed at the end or rolled back; errors are translated."""
    with (
        translated(engine),
        engine.connect().execution_options(**WRITER) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turns driver errors into errors that say what to do next."""
    try:
        yield
    except (exc.OperationalError, exc.TimeoutError, exc.InterfaceError) as error:
        reason = str(getattr(error, "orig", None) or error)
        where = engine.url.render_as_string(hide_password=True)
        if any(word in reason.lower() for word in _UNWRITABLE):
            raise ConfigurationError(
                f"the store {where} cannot be written: {reason}; "
                "check the folder's permissions and free space, or give another home"
            ) from error
        if "no such table" in reason or "no such column" in reason:
            raise  # a bug of ours, not a state of the world
        raise BackendUnavailableError(f"the database {where} did not answer: {reason}") from error
