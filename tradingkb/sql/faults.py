"""What errors say of a database, by classes and codes."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import exc

#: PostgreSQL: lock_not_available, deadlock_detected, serialization_failure.
_CONTENDED: Final = ("55P03", "40P01", "40001")
_UNDONE: Final = ("40P01", "40001")


def of_database(error: BaseException) -> bool:
    """Whether an error is what a database's error was translated into."""
    return isinstance(error.__cause__, exc.SQLAlchemyError | sqlite3.Error)


def is_contended(error: BaseException) -> bool:
    """Whether another one was at work for too long: a living database says so."""
    driver = _driver_error(error)
    code = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(driver, "sqlstate", None) in _CONTENDED


def was_undone(error: BaseException) -> bool:
    """Whether a transaction was undone so that another one could go on: it may be run again."""
    return getattr(_driver_error(error), "sqlstate", None) in _UNDONE


def _driver_error(error: BaseException) -> object:
    cause = error.__cause__ if of_database(error) else error
    return getattr(cause, "orig", None) or cause
