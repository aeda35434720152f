"""Running a statement that an earlier release sent to its store."""

from __future__ import annotations

import sqlite3
from typing import Any


def refusal(connection: sqlite3.Connection, text: str, values: list[Any]) -> str | None:
    """Why a row of a statement is not taken; whatever the statement did is undone."""
    if not text.startswith(("BEGIN", "PRAGMA")):
        connection.execute("BEGIN")
    try:
        connection.execute(text, values).fetchall()
    except sqlite3.IntegrityError as error:
        return str(error)
    except sqlite3.Error as error:
        error.add_note(text)
        raise
    finally:
        if connection.in_transaction:
            connection.rollback()
    return None
