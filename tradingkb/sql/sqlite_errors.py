"""What SQLite's errors mean, told by their codes: the words of a message are the driver's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    StoreDamagedError,
    TradingKBError,
)

_BUSY: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
#: A quota, or a limit of the size of a file, is no full disk to SQLite: it could not write.
_NO_ROOM: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_FSYNC,
}
_REFUSED: Final = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}

RESTORE: Final = "keep the file, restore a backup with kb.restore() into another home"


def code_of(error: object) -> int | None:
    """The extended result code of SQLite; None for an error of the driver itself."""
    return getattr(error, "sqlite_errorcode", None)


def is_unwritable(error: object) -> bool:
    """Whether SQLite may or can not write where the store lies, though it may be readable."""
    code = code_of(error)
    if code is None:
        return False
    primary = code & 0xFF
    return primary in _REFUSED or primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def named(error: BaseException, where: str) -> TradingKBError | None:
    """The error that says what to do next; None for one that is no state of the world.

    Args:
        error: as the driver raised it.
        where: the store, as it may be shown.
    """
    code = code_of(error)
    if code is None:
        return _of_driver(error, where)
    primary, reason = code & 0xFF, f"{error} ({getattr(error, 'sqlite_errorname', code)})"
    if primary in _BUSY:
        return BackendUnavailableError(f"the database {where} did not answer: {reason}")
    if code in _NO_ROOM or primary in _NO_ROOM:
        return DiskFullError(
            f"the store {where} cannot be written, its disk has no room: {reason}; "
            "free space, raise the quota, or give another home; nothing is damaged"
        )
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return StoreDamagedError(
            f"the file of the store {where} was moved or removed while it was open: "
            "put it back, or restore a backup, then connect() again"
        )
    if primary in _DAMAGED or code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return StoreDamagedError(f"the store {where} is damaged: {reason}; {RESTORE}")
    if primary in _REFUSED:
        return ConfigurationError(
            f"the store {where} cannot be written: {reason}; "
            "check the permissions of its file and folder, or give another home"
        )
    if primary == sqlite3.SQLITE_IOERR:
        return ConfigurationError(
            f"the disk of the store {where} fails: {reason}; check the disk and what it is "
            "mounted from, then try again"
        )
    return None


@contextmanager
def translated_sqlite(where: str) -> Iterator[None]:
    """Turns errors of the driver and of the pool into those that `named` gives.

    Args:
        where: the store, as it may be shown.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise BackendUnavailableError(
            f"no connection to the store {where} became free in time: {error}"
        ) from error
    except (exc.DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None) or error
        if (found := named(cause, where)) is None:
            raise  # a bug of ours, not a state of the world
        raise found from error


def _of_driver(error: BaseException, where: str) -> TradingKBError | None:
    """Python's driver raises one OperationalError of its own: a TEXT value that is no UTF-8."""
    if not isinstance(error, sqlite3.OperationalError):
        return None
    column = str(error).partition("column '")[2].partition("'")[0]
    return StoreDamagedError(
        f"the store {where} is damaged: a text{f' in column {column}' if column else ''} is no "
        f"UTF-8; {RESTORE}"
    )
