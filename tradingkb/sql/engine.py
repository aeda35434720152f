"""Engines, and the doors through which every statement passes: `reading` and `writing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from tradingkb.exceptions import InvalidInputError
from tradingkb.masking import masked_url
from tradingkb.sql.forks import opened_here, refuse_fork
from tradingkb.sql.postgres import SNAPSHOT, named_errors, postgres_engine
from tradingkb.sql.sqlite import sqlite_engine, writes
from tradingkb.sql.sqlite_errors import translated_sqlite

#: Marks a connection whose transaction will write.
WRITER = {"tradingkb_writer": True}
_DOOR: Final = "tradingkb_door"


def open_engine(
    url: str | sa.URL,
    *,
    timeout_s: float = 10.0,
    statement_timeout_s: float = 10.0,
    pool_size: int = 5,
    beside: sa.Engine | None = None,
) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://...`.

    Args:
        url: a SQLAlchemy URL.
        timeout_s: how long a statement waits for a lock, and a thread for a connection.
        statement_timeout_s: how long a statement may take on PostgreSQL, outside `unhurried`.
        pool_size: connections that are kept open; ten more are opened when these are at work.
        beside: another engine of the same database, of whose file this one must be.

    Raises:
        ConfigurationError: the folder of a SQLite file cannot be written.
    """
    parsed = _password_in_its_place(sa.make_url(url))
    if parsed.get_backend_name() == "sqlite":
        return opened_here(
            sqlite_engine(parsed, timeout_s=timeout_s, pool_size=pool_size, beside=beside)
        )
    return opened_here(
        postgres_engine(
            parsed,
            timeout_s=timeout_s,
            statement_timeout_s=statement_timeout_s,
            pool_size=pool_size,
        )
    )


def _password_in_its_place(url: sa.URL) -> sa.URL:
    """A password among the options moved to where no text of SQLAlchemy shows it."""
    password = url.query.get("password")
    if not isinstance(password, str) or url.get_backend_name() != "postgresql":
        return url
    return url.set(password=password).difference_update_query(["password"])


def shown_url(engine: sa.Engine) -> str:
    """The URL of an engine without any secret."""
    # Every transaction is told it for its errors, and rendering takes longer than an empty one.
    if (shown := _SHOWN.get(engine)) is None:
        shown = _SHOWN[engine] = masked_url(engine.url.render_as_string(hide_password=False))
    return shown


_SHOWN: Final[WeakKeyDictionary[sa.Engine, str]] = WeakKeyDictionary()


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
    if joined is not None and writes(joined):
        yield joined
        return
    with _entered(engine, write=True) as connection:
        yield connection


def is_joined(engine: sa.Engine) -> bool:
    """Whether `writing` would join a transaction that this thread or task has begun."""
    joined = _OPEN.get().get(engine)
    return joined is not None and writes(joined)


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
        try:
            if write:
                connection.execution_options(**WRITER).begin()
            elif engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level=SNAPSHOT)
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


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turns driver errors into errors that say what to do next."""
    refuse_fork(engine)
    named = named_errors if engine.dialect.name == "postgresql" else translated_sqlite
    try:
        with named(shown_url(engine)):
            yield
    except UnicodeEncodeError as error:  # of a text with a lone half of a surrogate pair
        raise InvalidInputError(
            f"{error.object[:40]!a} is no Unicode text", remedy="give a text that UTF-8 can hold"
        ) from None
