"""Room in a database's file."""

from __future__ import annotations

import contextlib
import sqlite3

import sqlalchemy as sa
from sqlalchemy import exc

from tradingkb.sql.engine import translated


def compact(engine: sa.Engine) -> None:
    """Writes a SQLite file anew, without pages that hold nothing; whoever writes waits meanwhile.

    It takes room for a copy of the file while it works; killed anywhere, the file is as it was.

    Raises:
        ConfigurationError: no room, or the file cannot be written.
        BackendUnavailableError: somebody else writes, and did not end in time.
    """
    # The driver's own connection: the engine's begins a transaction, which VACUUM must not be in.
    with translated(engine), contextlib.closing(engine.raw_connection()) as connection:
        try:
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise exc.DBAPIError.instance("VACUUM", None, error, sqlite3.Error) from error
