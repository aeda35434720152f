"""Set-based reads and writes between Polars frames and SQL, without one Python call per value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from tradingkb.sql.copying import copies, copy_rows
from tradingkb.sql.types import ISO_FORMAT, UtcTime

_UTC = pl.Datetime("us", "UTC")
#: Databases refuse statements with too many: SQLite at 32,766, PostgreSQL at 65,535.
MOST_PARAMETERS = 10_000
#: Rows that are Python objects at one time while reading: more cost memory, and time with it,
#: because the garbage collector looks at every tuple that stays alive.
_READ_ROWS: Final = 2_000
#: Values of one statement of `read_in`; they travel as one parameter.
_LIST_VALUES: Final = 50_000
#: Told how many rows came, by `counting`.
COUNTERS: Final[list[Callable[[int], None]]] = []
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
    value = f"COALESCE(excluded.{{0}}, {table.name}.{{0}})" if keep_known else "excluded.{0}"
    action = (
        "DO UPDATE SET " + ", ".join(f"{c} = {value.format(c)}" for c in update)
        if update
        else "DO NOTHING"
    )
    on_conflict = f"ON CONFLICT ({', '.join(key)}) {action}"
    if copies(connection, frame, key):
        copy_rows(connection, table, frame, on_conflict)
        return
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    statement = (
        f"INSERT INTO {table.name} ({', '.join(frame.columns)}) "
        f"VALUES ({', '.join([mark] * frame.width)}) {on_conflict}"
    )
    connection.exec_driver_sql(statement, _driver_rows(connection, frame))


def _driver_rows(connection: sa.Connection, frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Rows as the driver takes them: times as text on SQLite, as aware datetimes elsewhere."""
    if connection.dialect.name == "sqlite":
        times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
        if times:
            frame = frame.with_columns(
                pl.col(c).dt.convert_time_zone("UTC").dt.strftime(_POLARS_ISO) for c in times
            )
    return frame.rows()


def read(connection: sa.Connection, statement: sa.Select[Any]) -> pl.DataFrame:
    """The statement's rows as a frame with exact types; times are aware UTC."""
    raw = statement.with_only_columns(*(_raw(c) for c in statement.selected_columns))
    return _framed(connection, statement, raw_rows(connection, raw))


def _framed(
    connection: sa.Connection, statement: sa.Select[Any], found: Iterable[Sequence[Any]]
) -> pl.DataFrame:
    columns = list(statement.selected_columns)
    schema = {c.name: _polars_type(c.type, connection.dialect.name) for c in columns}
    parts = [_columns(rows, schema) for rows in found]
    texts = [c.name for c in columns if isinstance(c.type, UtcTime) and schema[c.name] == pl.String]
    if not parts:  # most reads of a small ingest find nothing, and a plan costs more than they do
        return pl.DataFrame(schema={**schema, **dict.fromkeys(texts, _UTC)})
    frame = parts[0] if len(parts) == 1 else pl.concat(parts, rechunk=True)
    if not texts:
        return frame
    return frame.with_columns(
        pl.col(c).str.strptime(pl.Datetime("us"), _POLARS_ISO).dt.replace_time_zone("UTC")
        for c in texts
    )


def raw_rows(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """The statement's rows as the driver gives them, some thousand at a time.

    SQLAlchemy's processing of every value would dominate large reads. Its row objects, unlike
    tuples of plain values, stay known to the garbage collector, which then looks at all there is.
    """
    with connection.execute(statement) as result:
        while rows := result.cursor.fetchmany(_READ_ROWS):
            for tell in COUNTERS:
                tell(len(rows))
            yield rows


def _columns(rows: Sequence[Any], schema: dict[str, Any]) -> pl.DataFrame:
    """Rows as a frame, column by column: Polars takes rows one value at a time."""
    columns: list[pl.Series] = []
    for (name, kind), values in zip(schema.items(), zip(*rows, strict=True), strict=True):
        # SQLite's booleans are 0 and 1.
        numbers = pl.Series(name, values, dtype=pl.Int64 if kind == pl.Boolean else kind)
        columns.append(numbers.cast(kind))
    return pl.DataFrame(columns)


def read_in(
    connection: sa.Connection,
    statement: sa.Select[Any],
    column: sa.ColumnElement[Any],
    values: pl.Series,
) -> pl.DataFrame:
    """As `read`, for rows whose `column` is one of any number of values; none are not asked for."""
    found = [
        read(connection, statement.where(_among(connection, column, part.to_list())))
        for part in _slices(values, _LIST_VALUES)
    ]
    return pl.concat(found) if found else _framed(connection, statement, ())


def _slices(values: pl.Series, size: int) -> Iterator[pl.Series]:
    return (values.slice(start, size) for start in range(0, len(values), size))


def _among(
    connection: sa.Connection, column: sa.ColumnElement[Any], values: list[Any]
) -> sa.ColumnElement[bool]:
    """Whether a column is one of many values, given as one parameter.

    An IN with ten thousand parameters is compiled anew each time, which takes longer than the
    search itself.
    """
    if connection.dialect.name == "postgresql":
        return column == sa.any_(sa.literal(values, ARRAY(column.type)))
    listed = sa.func.json_each(json.dumps(values, ensure_ascii=False)).table_valued("value")
    return column.in_(sa.select(listed.c.value))


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
    if isinstance(kind, sa.LargeBinary):
        return pl.Binary
    return pl.String
