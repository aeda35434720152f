"""PostgreSQL: connections whose every wait ends, and what the server's errors mean.

A deadline stands on both sides. The server cancels a statement that takes too long; where it does
not even do that (it hangs, or the way to it is cut), the client gives the connection up a little
later. Work that may take long says so by `unhurried`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    InvalidInputError,
    StoreDamagedError,
    TradingKBError,
)
from tradingkb.ports import seconds_left

#: What SQLite's readers have anyway: all that a transaction reads is of one moment.
SNAPSHOT: Final = "REPEATABLE READ"
#: How much longer than the server's own deadline the client waits for an answer.
GRACE_S: Final = 2.0
#: Of one statement of long work: nothing honest takes longer, and a hung server is left.
LONG_S: Final = 3_600.0
#: Of the time that is left for reaching the server, what a kept connection is tried for.
_PING_SHARE: Final = 0.5
#: When a peer that says nothing is taken for dead, by the client (which somebody waits for) and
#: by the server (which would keep the locks of one that has vanished).
_CLIENT: Final = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_SERVER: Final = {
    "tcp_keepalives_idle": 60,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    # A statement whose client was killed ends, and its locks with it.
    "client_connection_check_interval": 2_000,
}


def postgres_engine(
    url: sa.URL, *, timeout_s: float, statement_timeout_s: float, pool_size: int
) -> sa.Engine:
    """An engine for PostgreSQL; see `open_engine`. What the URL says of connections holds."""
    settings = {
        "lock_timeout": _ms(timeout_s),
        "statement_timeout": _ms(statement_timeout_s),
        **_SERVER,
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    defaults: dict[str, Any] = {
        "application_name": "tradingkb",
        # psycopg takes whole seconds, and at least two, for a connection.
        "connect_timeout": max(2, int(timeout_s)),
        "tcp_user_timeout": _ms(statement_timeout_s + GRACE_S),
        **_CLIENT,
    }
    told = {name: value for name, value in defaults.items() if name not in url.query}
    # The later word counts: an operator's own options stand after ours.
    told["options"] = f"{options} {url.query.get('options', '')}".rstrip()
    engine = sa.create_engine(
        url,
        poolclass=_ImpatientPool,
        pool_pre_ping=True,
        pool_size=pool_size,
        pool_timeout=timeout_s,
        connect_args=told,
    )
    _bound_pings(engine.dialect, timeout_s)

    patience_s = statement_timeout_s + GRACE_S

    @sa.event.listens_for(engine, "do_connect")
    def connect(_: sa.Dialect, __: Any, args: Any, options: Any) -> Any:
        connection = _impatient_class().connect(*args, **options)
        _refuse_encoding(connection)
        connection.patience_s = patience_s
        return connection

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        if _UNHURRIED.get():
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_ms(LONG_S)}")
            driver: Any = connection.connection.driver_connection
            driver.patience_s = LONG_S + GRACE_S

    @sa.event.listens_for(engine, "checkin")
    def given_back(connection: Any, _: sa.pool.ConnectionPoolEntry) -> None:
        if connection is not None:
            connection.patience_s = patience_s

    return engine


def _refuse_encoding(connection: Any) -> None:
    """Refuses a database that cannot keep every text, or does not know what text is."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding in ("UTF8", None):  # a pooler between may not say
        return
    connection.close()
    raise ConfigurationError(
        f"the database of DATABASE_URL has encoding {encoding}: create one with "
        "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0, and name that"
    )


class _ImpatientPool(sa.QueuePool):
    """Nobody waits for a connection to become free longer than its caller has time."""

    @property
    def _timeout(self) -> float:
        return seconds_left(self._most_s)

    @_timeout.setter
    def _timeout(self, seconds: float) -> None:
        self._most_s = seconds


def _bound_pings(dialect: sa.Dialect, timeout_s: float) -> None:
    """Leaves time to connect anew, where a connection that was kept no longer answers."""
    ping = dialect.do_ping

    def bounded(dbapi_connection: Any) -> bool:
        connection = dbapi_connection
        usual = connection.patience_s
        connection.patience_s = _PING_SHARE * seconds_left(timeout_s)
        try:
            return ping(connection)
        finally:
            connection.patience_s = usual

    dialect.do_ping = bounded  # type: ignore[method-assign]


#: Whether what this thread or task does may take long.
_UNHURRIED: Final[ContextVar[bool]] = ContextVar("_UNHURRIED", default=False)


@contextmanager
def unhurried() -> Iterator[None]:
    """Statements of transactions that this thread begins inside may take long, `LONG_S` each."""
    before = _UNHURRIED.set(True)
    try:
        yield
    finally:
        _UNHURRIED.reset(before)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


@cache
def _impatient_class() -> Any:
    """The driver's class of connections: no wait outlasts its `patience_s`, or its caller's."""
    import psycopg

    class Impatient(psycopg.Connection[Any]):
        patience_s = LONG_S

        @classmethod
        def _connect_gen(cls, conninfo: str = "") -> Any:
            # The driver's own limit is of whole seconds, and for each address of the server.
            try:
                return (yield from _until(super()._connect_gen(conninfo), seconds_left()))
            except TimeoutError as error:
                raise psycopg.errors.ConnectionTimeout(
                    "no connection in the time that the caller had left"
                ) from error

        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                most = self.patience_s if _UNHURRIED.get() else seconds_left(self.patience_s)
                return super().wait(_until(gen, most), *args, **kwargs)
            except TimeoutError as error:
                self.pgconn.finish()  # an answer that comes later would be taken for another's
                raise psycopg.OperationalError(
                    f"no answer in time ({self.patience_s:g} s, or what the caller had left): "
                    "the connection is given up"
                ) from error

    return Impatient


def _until(generator: Any, seconds: float) -> Any:
    """The driver's generator of waits, which ends when the time is up; asked ten times a second."""
    deadline = time.monotonic() + seconds
    ready = None
    while True:
        try:
            waits_for = generator.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield waits_for
        if not ready and time.monotonic() > deadline:
            raise TimeoutError


#: What has to be done about errors, by the SQLSTATE or its class; the longest that fits counts.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANS: Final[Mapping[str, tuple[type[TradingKBError], str]]] = {
    "08": (BackendUnavailableError, ""),
    "22": (InvalidInputError, ""),
    "25006": (ConfigurationError, "it is read-only: name the primary server in DATABASE_URL"),
    "25P": (BackendUnavailableError, ""),
    "28": (ConfigurationError, "correct user and password in DATABASE_URL"),
    "3D": (ConfigurationError, "create the database, or correct its name in DATABASE_URL"),
    "3F": (ConfigurationError, "create the schema, or correct the role's search_path"),
    "40": (BackendUnavailableError, ""),
    "42501": (ConfigurationError, "give the role of DATABASE_URL the rights on the tables"),
    "53": (BackendUnavailableError, ""),
    "53100": (DiskFullError, "make room on the server's disk"),
    "53400": (ConfigurationError, "raise the server's limit"),
    "55006": (BackendUnavailableError, ""),
    "55P03": (BackendUnavailableError, ""),
    "57": (BackendUnavailableError, ""),
    "57P04": (ConfigurationError, "the database was dropped: restore it"),
    "58": (BackendUnavailableError, ""),
    "F0": (ConfigurationError, "mend the server's configuration file"),
    "XX": (BackendUnavailableError, ""),
    "XX001": (StoreDamagedError, "its data is damaged: restore a backup"),
    "XX002": (StoreDamagedError, "an index of it is damaged: REINDEX, or restore a backup"),
}
#: Why a login was refused: libpq passes on the text of that, but not its SQLSTATE.
_REFUSED_LOGINS: Final = (
    (re.compile(r'database ".*" does not exist'), "3D000"),
    (re.compile(r"authentication failed|no password supplied|no pg_hba\.conf entry"), "28P01"),
    (re.compile(r'role ".*" (does not exist|is not permitted to log in)'), "28000"),
    (re.compile(r"permission denied for database"), "42501"),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), "53300"),
    (re.compile(r"database system is (starting up|shutting down)"), "57P03"),
)


def meaning(sqlstate: str | None) -> tuple[type[TradingKBError], str] | None:
    """What an error of PostgreSQL is for the caller, and the remedy where there is one to name.

    Args:
        sqlstate: five characters; None for a connection that was lost or never came about.

    Returns:
        None for what is no state of the world: a violated constraint, which callers expect, or a
        statement that PostgreSQL does not understand, a bug of ours.
    """
    if sqlstate is None:
        return BackendUnavailableError, ""
    known = [state for state in _MEANS if sqlstate.startswith(state)]
    return _MEANS[max(known, key=len)] if known else None


@contextmanager
def named_errors(where: str) -> Iterator[None]:
    """Turns errors of the driver and of the pool into those that `meaning` says.

    Args:
        where: the database, as it may be shown.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise BackendUnavailableError(
            f"no connection to the database {where} became free in time: {error}"
        ) from error
    except exc.DBAPIError as error:
        if (named := _named(error, where)) is not None:
            raise named from error
        raise


def _named(error: exc.DBAPIError, where: str) -> TradingKBError | None:
    import psycopg

    said: Any = error.orig
    if said.sqlstate is None and isinstance(said, psycopg.ProgrammingError):
        if error.statement is not None:
            return None  # the driver was asked for what it cannot do
        return ConfigurationError(f"an option of the database {where} cannot be used: {said}")
    state = said.sqlstate or _refused_login(str(said))
    if state is None and isinstance(said, psycopg.DataError):
        state = "22000"  # the driver does not even send it: a NUL in a text
    found = meaning(state)
    if found is None:
        return None
    kind, remedy = found
    reason = f"{said}; {remedy}" if remedy else str(said)
    if kind is InvalidInputError:
        # Without the address: this is shown to whoever sent the value.
        return InvalidInputError(
            f"PostgreSQL does not take a value: {said.diag.message_primary or said}",
            remedy="correct it; no text may hold a NUL character",
        )
    if issubclass(kind, ConfigurationError):
        return kind(f"the database {where} cannot be used: {reason}")
    return kind(f"the database {where} did not answer: {reason}")


def _refused_login(text: str) -> str | None:
    return next((state for said, state in _REFUSED_LOGINS if said.search(text)), None)
