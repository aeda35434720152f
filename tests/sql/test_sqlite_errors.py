"""What SQLite says is told by its codes, and named by what to do next."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    DiskFullError,
    StoreDamagedError,
)
from tradingkb.sql.sqlite_errors import is_unwritable, named


def said(code: int, words: str = "attempt to write a readonly database") -> sqlite3.Error:
    """An error with a code, and words that must not matter."""
    error = sqlite3.DatabaseError(words)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (sqlite3.SQLITE_BUSY, BackendUnavailableError, "did not answer"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, BackendUnavailableError, "did not answer"),
        (sqlite3.SQLITE_LOCKED, BackendUnavailableError, "did not answer"),
        (sqlite3.SQLITE_FULL, DiskFullError, "free space"),
        (sqlite3.SQLITE_IOERR_WRITE, DiskFullError, "free space"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DiskFullError, "free space"),
        (sqlite3.SQLITE_READONLY, ConfigurationError, "permissions"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, ConfigurationError, "permissions"),
        (sqlite3.SQLITE_CANTOPEN, ConfigurationError, "permissions"),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreDamagedError, "moved or removed"),
        (sqlite3.SQLITE_CORRUPT, StoreDamagedError, "restore a backup"),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamagedError, "restore a backup"),
        (sqlite3.SQLITE_NOTADB, StoreDamagedError, "restore a backup"),
        (sqlite3.SQLITE_IOERR_SHORT_READ, StoreDamagedError, "restore a backup"),
        (sqlite3.SQLITE_IOERR_READ, ConfigurationError, "check the disk"),
    ],
)
def test_a_code_decides_whatever_the_words(code: int, kind: type[Exception], says: str) -> None:
    for words in ("attempt to write a readonly database", "database or disk is full", "no"):
        found = named(said(code, words), "sqlite:///kb.db")
        assert type(found) is kind
        assert says in str(found)
        assert "sqlite:///kb.db" in str(found)


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_MISUSE]
)
def test_what_is_a_bug_of_ours_gets_no_name(code: int) -> None:
    assert named(said(code), "kb") is None


def test_a_text_that_is_no_utf8_is_damage_and_its_column_is_named() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (reason TEXT)")
        connection.execute("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("SELECT reason FROM t").fetchall()
    found = named(caught.value, "kb")
    assert isinstance(found, StoreDamagedError)
    assert "a text in column reason is no UTF-8" in str(found)


def test_a_store_is_read_as_it_lies_only_where_it_cannot_be_written() -> None:
    unwritable = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL)
    assert all(is_unwritable(said(code)) for code in unwritable)
    assert not is_unwritable(said(sqlite3.SQLITE_BUSY))
    assert not is_unwritable(sqlite3.OperationalError("attempt to write a readonly database"))
