"""Many rows into PostgreSQL at once, and statistics that know of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy import exc

#: From so many rows on a COPY costs less than as many INSERTs, its own three statements included.
COPIED_ROWS: Final = 500
_LOADED: Final = "tradingkb_loaded"
#: Rows that are text at one time: a vector of 768 numbers takes 6 kB.
_TEXT_ROWS: Final = 5_000
#: What stands for something else in COPY's text format.
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def copies(connection: sa.Connection, frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether to write these rows by `copy_rows`: many, on PostgreSQL, each key once.

    Of rows with one key the last would have to count, and PostgreSQL does not take them at once.
    """
    return (
        connection.dialect.name == "postgresql"
        and frame.height >= COPIED_ROWS
        and not frame.select(pl.struct(key).is_duplicated().any()).item()
    )


def copy_rows(
    connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, on_conflict: str
) -> None:
    """Inserts a frame by way of a temporary table, in the order of its rows.

    Args:
        connection: its transaction.
        table: the columns that the frame has are written.
        frame: the rows.
        on_conflict: what follows the INSERT.
    """
    columns = ", ".join(frame.columns)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {_LOADED} ON COMMIT DROP AS "
        f"SELECT {columns} FROM {table.name} WITH NO DATA"
    )
    with copy_into(connection, _LOADED, frame.columns) as copy:
        for rows in frame.iter_slices(_TEXT_ROWS):
            copy.write(_text(table, rows))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {_LOADED} {on_conflict}"
    )
    connection.exec_driver_sql(f"DROP TABLE {_LOADED}")
    note_growth(connection, table, frame.height)


@contextmanager
def copy_into(connection: sa.Connection, table: str, columns: Sequence[str]) -> Iterator[Any]:
    """A COPY into a table; what the driver raises is raised as SQLAlchemy would."""
    import psycopg

    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as error:
        raise exc.DBAPIError.instance(statement, None, error, psycopg.Error) from error


def note_growth(connection: sa.Connection, table: sa.Table, rows: int) -> None:
    """Lets PostgreSQL know what a table holds, now that so many rows were written at once.

    Its plans are made for the table as it was when it was looked at last, and are kept by a
    connection: what is right for an empty table may take hours on a full one. By itself it looks
    once a minute, and never inside this transaction.
    """
    if connection.dialect.name != "postgresql" or rows < COPIED_ROWS:
        return
    known = sa.text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
    if (connection.scalar(known, {"name": table.name}) or 0) < 2 * rows:
        connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {table.name}")


def _text(table: sa.Table, rows: pl.DataFrame) -> bytes:
    """Rows in COPY's text format, without a Python call per value."""
    written = rows.select(
        _as_text(pl.col(name), kind, table.c[name].type) for name, kind in rows.schema.items()
    )
    out = BytesIO()
    written.write_csv(
        out, include_header=False, separator="\t", quote_style="never", null_value="\\N"
    )
    return out.getvalue()


def _as_text(column: pl.Expr, kind: pl.DataType, target: sa.types.TypeEngine[Any]) -> pl.Expr:
    if isinstance(kind, pl.Binary):
        return pl.lit("\\\\x") + column.bin.encode("hex")
    if isinstance(kind, pl.Datetime):
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if isinstance(target, sa.Integer) and kind.is_float():
        return column.cast(pl.Int64)
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return column.cast(pl.String).str.replace_many(_ESCAPED)
    return column
