"""Set-based reads and writes between Polars frames and SQL, without one Python call per value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.sql.types import ISO_FORMAT, UtcTime

_UTC = pl.Datetime("us", "UTC")
#: Databases refuse statements with too many: SQLite at 32,766, PostgreSQL at 65,535.
MOST_PARAMETERS = 10_000
_POLARS_ISO = ISO_FORMAT.replace(".%f", "%.6f")


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    frame: pl.DataFrame,
    *,
    key: Sequence[str],
    update: Sequence[str],
    keep_known: bool = False,
) -> None:
    """Inserts the frame's rows; on a conflict in `key` the columns `update` are replaced.

    With `keep_known` a null does not replace what is known.
    """
    if frame.is_empty():
        return
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    columns = ", ".join(frame.columns)
    value = f"COALESCE(excluded.{{0}}, {table.name}.{{0}})" if keep_known else "excluded.{0}"
    action = (
        "DO UPDATE SET " + ", ".join(f"{c} = {value.format(c)}" for c in update)
        if update
        else "DO NOTHING"
    )
    statement = (
        f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join([mark] * frame.width)}) "
        f"ON CONFLICT ({', '.join(key)}) {action}"
    )
    connection.exec_driver_sql(statement, _driver_rows(connection, frame))


def _driver_rows(connection: sa.Connection, frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Rows as the driver takes them: times as text on SQLite, as aware datetimes elsewhere."""
    if connection.dialect.name == "sqlite":
        times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
        frame = frame.with_columns(
            pl.col(c).dt.convert_time_zone("UTC").dt.strftime(_POLARS_ISO) for c in times
        )
    return frame.rows()


def read(connection: sa.Connection, statement: sa.Select[Any]) -> pl.DataFrame:
    """The statement's rows as a frame with exact types; times are aware UTC."""
    columns = list(statement.selected_columns)
    # Raw driver values: SQLAlchemy's per-value processing would dominate large reads.
    result = connection.execute(statement.with_only_columns(*(_raw(c) for c in columns)))
    schema = {c.name: _polars_type(c.type, connection.dialect.name) for c in columns}
    frame = pl.DataFrame([tuple(row) for row in result], schema=schema, orient="row")
    texts = [c.name for c in columns if isinstance(c.type, UtcTime) and schema[c.name] == pl.String]
    return frame.with_columns(
        pl.col(c).str.strptime(pl.Datetime("us"), _POLARS_ISO).dt.replace_time_zone("UTC")
        for c in texts
    )


def read_in(
    connection: sa.Connection,
    statement: sa.Select[Any],
    column: sa.ColumnElement[Any],
    values: pl.Series,
) -> pl.DataFrame:
    """As `read`, for rows whose `column` is one of any number of values."""
    wanted = values.to_list()
    parts = [wanted[i : i + MOST_PARAMETERS] for i in range(0, len(wanted), MOST_PARAMETERS)]
    return pl.concat([read(connection, statement.where(column.in_(p))) for p in parts or [[]]])


def _raw(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, UtcTime):
        return sa.type_coerce(column, sa.types.NullType()).label(column.name)
    if isinstance(column.type, sa.JSON):
        return sa.cast(column, sa.Text).label(column.name)
    return column


def _polars_type(kind: sa.types.TypeEngine[Any], dialect: str) -> Any:
    if isinstance(kind, UtcTime):
        return pl.String if dialect == "sqlite" else _UTC
    if isinstance(kind, sa.Boolean):
        return pl.Boolean
    if isinstance(kind, sa.Float | sa.Double):
        return pl.Float64
    if isinstance(kind, sa.Integer | sa.BigInteger):
        return pl.Int64
    return pl.String
