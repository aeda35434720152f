"""Which database a connection leads to, whatever URL was used."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tradingkb.sql.sqlite_head import identity


def identity_of_place(connection: sa.Connection) -> str:
    """What tells a database from every other one, as long as its server runs."""
    if connection.dialect.name == "sqlite":
        # The name that SQLite itself has opened: URLs may hold links, `..` and `file:`.
        listed = connection.exec_driver_sql("PRAGMA database_list").all()
        name = next((str(path or "") for _, schema, path in listed if schema == "main"), "")
        return f"sqlite:{identity(Path(name)) or name}"
    # When it was started tells a server from others, and every role may ask for it.
    asked = "SELECT pg_postmaster_start_time(), current_database(), current_schema()"
    return "/".join(map(str, connection.execute(sa.text(asked)).one()))
