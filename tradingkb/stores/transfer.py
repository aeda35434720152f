"""Whole tables as streams of plain rows, the same from and to every database.

A plain row holds text, integers, floats, bytes and None, as SQLite stores them: times as fixed
ISO text, JSON as text, booleans as 0 and 1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from tradingkb.sql import UtcTime, copy_into
from tradingkb.stores import schema

#: Rows held in memory at once.
CHUNK: Final = 5_000
#: Not part of a backup, and emptied by a restore: what the next ingest finds out again, and work
#: that was asked for of the content that goes.
DERIVED: Final = (schema.index_checks, schema.jobs)
#: What belongs to running processes, as what their breakers did does. Sums of events are truth: the
#: events may be gone. (From a backup of an earlier schema the migration makes them.)
_RUNNING: Final = (schema.leases, schema.breaker_states, schema.breaker_changes)
#: What this installation did with runbooks; a restore leaves it: no schedule begins anew.
_RUNBOOKS: Final = (schema.runbook_runs, schema.schedule_ticks, schema.schedule_states)
#: The tables of truth, each after those that it refers to.
_LEFT_OUT: Final = frozenset((*DERIVED, *_RUNNING, *_RUNBOOKS))
TABLES: Final = tuple(t for t in schema.metadata.sorted_tables if t not in _LEFT_OUT)
_PG_ISO: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

Row: TypeAlias = tuple[Any, ...]


def column_names(table: sa.Table) -> tuple[str, ...]:
    """The columns of a table, in order."""
    return tuple(c.name for c in table.columns)


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """Number of rows by table."""
    counts = {t.name: sa.select(sa.func.count()).select_from(t) for t in TABLES}
    return {name: int(connection.scalar(query) or 0) for name, query in counts.items()}


def stream(connection: sa.Connection, table: sa.Table) -> Iterator[list[Row]]:
    """The rows of a table by primary key, in chunks."""
    columns = [_plain(c, connection.dialect.name) for c in table.columns]
    statement = sa.select(*columns).order_by(*table.primary_key.columns)
    result = connection.execute(statement, execution_options={"yield_per": CHUNK})
    for part in result.partitions():
        yield [tuple(row) for row in part]


def stream_file(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[list[Row]]:
    """The same from a SQLite file; `columns` may be expressions."""
    cursor = connection.execute(
        f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(key)}"
    )
    while rows := cursor.fetchmany(CHUNK):
        yield rows


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Appends plain rows.

    Raises:
        sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError: a row that this database does not
            take.
    """
    names = ", ".join(column_names(table))
    if connection.dialect.name != "postgresql":
        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"
        connection.exec_driver_sql(statement, list(rows))
        return
    with copy_into(connection, table.name, column_names(table)) as copy:
        for row in rows:
            copy.write_row(row)


def _plain(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text)
    if dialect != "postgresql":
        return sa.type_coerce(column, sa.types.NullType())
    if isinstance(column.type, UtcTime):
        return sa.func.to_char(sa.func.timezone("UTC", column), _PG_ISO)
    return sa.cast(column, sa.Integer) if isinstance(column.type, sa.Boolean) else column
