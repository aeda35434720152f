"""The one writer of JSON forms: what answers, reports, events and commands turn into.

JSON knows no times, infinity, NaN, frames or tuples. Times become texts of one form and length,
2026-11-28T04:20:54.138452Z, so that they sort as texts; what is not finite becomes null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import Part, Regime

#: Columns of frames that hold JSON text. Any other text is what somebody wrote, "[1]" included.
STRUCTURES: Final = frozenset(
    {
        "params",
        "defaults",
        "counts",
        "facts",
        "reasons",
        "warnings",
        "repaired_params",
        "filter_rejections",
        "relaxations",
        "regime_tags",
        "regime_is",
        "regime_oos",
        "timings",
        "weights",
        "regime",
        "filters",
        "question",
        "arguments",
        "parameters",
        "result",
    }
)
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
#: What a column of structures is called where its rows hold what the text says.
JSON_COLUMN: Final = "json"
#: Types of columns by their names in JSON forms of frames.
COLUMN_TYPES: Final[Mapping[str, pl.DataType]] = {
    "text": pl.String(),
    "boolean": pl.Boolean(),
    "time": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "null": pl.Null(),
    "float64": pl.Float64(),
    "float32": pl.Float32(),
    "int64": pl.Int64(),
    "int32": pl.Int32(),
    "int16": pl.Int16(),
    "int8": pl.Int8(),
    "uint64": pl.UInt64(),
    "uint32": pl.UInt32(),
    "uint16": pl.UInt16(),
    "uint8": pl.UInt8(),
}
_COLUMN_NAMES: Final = {type_: name for name, type_ in COLUMN_TYPES.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it, all the way down."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Regime):
        value = {**value.to_dict(), "start": value.start, "end": value.end}
    if isinstance(value, Mapping):
        facts = vars(value) if isinstance(value, Part) else value
        return dict(zip(map(str, facts), map(plain, facts.values()), strict=True))
    if isinstance(value, list | tuple | set | frozenset):
        return list(map(plain, value))
    if isinstance(value, pl.DataFrame):
        return plain_rows(value)
    if isinstance(value, datetime):
        return time_text(value)
    return str(value) if isinstance(value, date | Path) else value


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A frame as a list of rows."""
    times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
    rows = frame.with_columns(pl.col(c).dt.strftime(_TIME) for c in times).to_dicts()
    return list(map(plain, rows))


def columns_of(frame: pl.DataFrame) -> dict[str, str]:
    """The name of each column's type: rows alone, or none, do not say it.

    Raises:
        TypeError: a column of a type that has no JSON form.
    """
    return {name: _column_name(name, type_) for name, type_ in frame.schema.items()}


def _column_name(name: str, type_: pl.DataType) -> str:
    if type_ == pl.String and name in STRUCTURES:
        return JSON_COLUMN
    if type_ not in _COLUMN_NAMES:
        raise TypeError(f"column {name!r} is of type {type_}, which has no JSON form")
    return _COLUMN_NAMES[type_]


def time_text(moment: datetime) -> str:
    """An aware time as text, in UTC."""
    # Not by strftime, whose years before 1000 have fewer digits.
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"
