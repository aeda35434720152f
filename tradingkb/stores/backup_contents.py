"""The table of contents of a backup: rows and digest of each table, when it was made."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tradingkb.exceptions import InvalidBackupError
from tradingkb.stores.transfer import TABLES, stream_file

_CONTENTS: Final = "tradingkb_backup"
_KEYS: Final = {t.name: tuple(c.name for c in t.primary_key.columns) for t in TABLES}


def write_contents(
    connection: sqlite3.Connection, at: datetime, contents: dict[str, dict[str, Any]]
) -> None:
    """Adds the table of contents to a backup that is otherwise complete."""
    connection.execute(f"CREATE TABLE {_CONTENTS} (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    entries = {"format": "1", "made_at": at.isoformat(), "contents": json.dumps(contents)}
    connection.executemany(f"INSERT INTO {_CONTENTS} VALUES (?, ?)", list(entries.items()))


def verified(connection: sqlite3.Connection, path: Path) -> datetime | None:
    """Compares each table with the table of contents; when the backup was made.

    Returns:
        None for a file without a table of contents: that of a store.

    Raises:
        InvalidBackupError: a table, or the table of contents, is not what was written.
    """
    if not is_backup(connection):
        return None
    made_at, contents = _contents(connection, path)
    for table in TABLES:
        if table.name not in contents and _holds_rows(connection, table.name):
            raise damaged(path, f"its table of contents says nothing about {table.name}")
    for name, entry in contents.items():
        if summary(connection, name, entry["columns"]) != entry:
            raise damaged(path, f"the rows of {name} are not those that were written")
    return made_at


def is_backup(connection: sqlite3.Connection) -> bool:
    """Whether a database has the table of contents of a backup.

    Raises:
        sqlite3.Error: it is no database, or a damaged one.
    """
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_CONTENTS,))
    return known.fetchone() is not None


def _contents(
    connection: sqlite3.Connection, path: Path
) -> tuple[datetime, dict[str, dict[str, Any]]]:
    """When the backup was made, and columns, row count and digest of each table."""
    entries = dict(connection.execute(f"SELECT name, value FROM {_CONTENTS}").fetchall())
    try:
        contents = {
            t: {**e, "columns": list(e["columns"])}
            for t, e in json.loads(entries["contents"]).items()
        }
        made_at = datetime.fromisoformat(entries["made_at"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, "its table of contents cannot be read") from error
    return made_at, contents


def _holds_rows(connection: sqlite3.Connection, table: str) -> bool:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return bool(known) and bool(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone())


def summary(connection: sqlite3.Connection, table: str, columns: Any) -> dict[str, Any]:
    """Columns, row count and digest of a table's rows in the order of its key."""
    digest, rows = hashlib.sha256(), 0
    for chunk in stream_file(connection, table, columns, _KEYS.get(table, ("rowid",))):
        digest.update("".join(f"{row!r}\n" for row in chunk).encode())
        rows += len(chunk)
    return {"columns": list(columns), "rows": rows, "sha256": digest.hexdigest()}


def damaged(path: Path, reason: str) -> InvalidBackupError:
    """The error for a file that is not what was written."""
    return InvalidBackupError(
        f"the backup {path} is damaged: {reason}",
        field="path",
        remedy="restore another one; nothing has been changed",
    )
