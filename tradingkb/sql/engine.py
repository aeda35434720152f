"""Engines, and the doors through which every statement passes: `reading` and `writing`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.masking import masked, masked_url
from tradingkb.sql import sqlite_errors
from tradingkb.sql.forks import opened_here, refuse_fork
from tradingkb.sql.sqlite import sqlite_engine, writes

#: Marks a connection whose transaction will write.
WRITER = {"tradingkb_writer": True}


def open_engine(
    url: str | sa.URL, *, timeout_s: float = 10.0, beside: sa.Engine | None = None
) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    Args:
        url: a SQLAlchemy URL.
        timeout_s: how long a statement waits for a lock; on PostgreSQL a connection, too.
        beside: another engine of the same database, of whose file this one must be.

    Raises:
        ConfigurationError: the folder of a SQLite file cannot be written.
    """
    parsed = _password_in_its_place(sa.make_url(url))
    if parsed.get_backend_name() == "sqlite":
        return opened_here(sqlite_engine(parsed, timeout_s, beside))
    # psycopg takes whole seconds, and at least two, for a connection.
    connect_args = {
        "connect_timeout": max(2, int(timeout_s)),
        "options": f"-c lock_timeout={int(timeout_s * 1000)}",
    }
    return opened_here(sa.create_engine(parsed, pool_pre_ping=True, connect_args=connect_args))


def _password_in_its_place(url: sa.URL) -> sa.URL:
    """A password among the options moved to where no text of SQLAlchemy shows it."""
    password = url.query.get("password")
    if not isinstance(password, str) or url.get_backend_name() != "postgresql":
        return url
    return url.set(password=password).difference_update_query(["password"])


def shown_url(engine: sa.Engine) -> str:
    """The URL of an engine without any secret."""
    return masked_url(engine.url.render_as_string(hide_password=False))


_NONE: Final[Mapping[sa.Engine, sa.Connection]] = MappingProxyType({})
#: Transactions that calls inside join instead of beginning their own; of this thread or task.
_OPEN: Final[ContextVar[Mapping[sa.Engine, sa.Connection]]] = ContextVar("_OPEN", default=_NONE)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent snapshot; errors are translated. Inside `together` the transaction of that."""
    if (joined := _OPEN.get().get(engine)) is not None:
        yield joined
        return
    with translated(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, committed at the end or rolled back; errors are translated.

    Inside `together(engine, write=True)` it is that transaction; inside one that reads, another.
    """
    joined = _OPEN.get().get(engine)
    if joined is not None and writes(joined):
        yield joined
        return
    with (
        translated(engine),
        engine.connect().execution_options(**WRITER) as connection,
        connection.begin(),
    ):
        yield connection


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


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turns driver errors into errors that say what to do next."""
    refuse_fork(engine)
    try:
        yield
    except UnicodeEncodeError as error:
        raise _no_text(error) from None
    except (exc.DBAPIError, exc.TimeoutError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        if engine.dialect.name == "sqlite" and isinstance(cause, sqlite3.Error):
            found = sqlite_errors.named(cause, shown_url(engine))
            if found is None:
                raise  # a bug of ours, not a state of the world
            raise found from error
        if not isinstance(error, exc.OperationalError | exc.TimeoutError | exc.InterfaceError):
            raise
        raise BackendUnavailableError(
            f"the database {shown_url(engine)} did not answer: {masked(str(cause))}"
        ) from error


def _no_text(error: UnicodeEncodeError) -> InvalidInputError:
    """A text that no database holds; there is a lone half of a surrogate pair in it."""
    return InvalidInputError(
        f"{error.object[:40]!a} is no Unicode text", remedy="give a text that UTF-8 can hold"
    )
