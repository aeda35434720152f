"""Checks of canonical columns: every value that cannot be used is named with its row and remedy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import isnan
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import as_utc, regime_from_json, regime_to_json
from tradingkb.importers.columns import INFINITE_REMEDY, ROW, Column

_UTC: Final = pl.Datetime("us", "UTC")
PROBLEM_SCHEMA: Final = {
    ROW: pl.UInt32,
    "field": pl.String,
    "message": pl.String,
    "remedy": pl.String,
}


class Problems:
    """Collects what is wrong, row by row, without stopping."""

    def __init__(self) -> None:
        self._found: list[pl.DataFrame] = []
        self.nan_counts: dict[str, int] = {}
        self.infinite_counts: dict[str, int] = {}
        self._undefined: list[pl.Series] = []

    def add(
        self, frame: pl.DataFrame, bad: pl.Expr, field: str, message: pl.Expr | str, remedy: str
    ) -> None:
        """Records one problem for each row of `frame` where `bad` is true."""
        text = pl.lit(message) if isinstance(message, str) else message
        found = frame.filter(bad.fill_null(False)).select(
            pl.col(ROW).cast(pl.UInt32),
            pl.lit(field).alias("field"),
            text.alias("message"),
            pl.lit(remedy).alias("remedy"),
        )
        if found.height:
            self._found.append(found)

    def note_undefined(self, frame: pl.DataFrame, undefined: pl.Expr) -> None:
        """Remembers rows with a metric that their tool computed, and found undefined."""
        self._undefined.append(frame.filter(undefined)[ROW].cast(pl.UInt32))

    def undefined(self, frame: pl.DataFrame) -> pl.Series:
        """Which rows of `frame` have a metric of which the source says that it is undefined."""
        rows = pl.concat(self._undefined) if self._undefined else pl.Series([], dtype=pl.UInt32)
        return pl.Series("undefined", np.isin(frame[ROW].to_numpy(), rows.to_numpy()))

    def extend(self, found: pl.DataFrame) -> None:
        """Records problems that have been found: `ROW`, field, message, remedy."""
        if found.height:
            columns = [pl.col(name).cast(kind) for name, kind in PROBLEM_SCHEMA.items()]
            self._found.append(found.select(columns))

    def among(self, frame: pl.DataFrame) -> pl.Series:
        """Which rows of `frame` have a problem so far."""
        # np.isin, because Polars' is_in compares every row with a list of its own.
        bad = self.frame()[ROW].to_numpy()
        return pl.Series("unsound", np.isin(frame[ROW].to_numpy(), bad))

    def frame(self) -> pl.DataFrame:
        """Every problem, by row."""
        if not self._found:
            return pl.DataFrame(schema=PROBLEM_SCHEMA)
        return pl.concat(self._found).sort(ROW, "field", maintain_order=True)


def read_column(frame: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    """One canonical column with its final type; values that cannot be used become null."""
    name = column.name
    if name not in frame.columns:
        return pl.Series(name, [None] * frame.height, dtype=_dtype(column))
    raw = frame.select(ROW, name)
    if raw.schema[name] == pl.Null:
        return pl.Series(name, [None] * frame.height, dtype=_dtype(column))
    readers: dict[str, Callable[[pl.DataFrame, Column, Problems], pl.Series]] = {
        "text": _text,
        "number": _number,
        "count": _number,
        "time": _time,
        "regime": _regime,
    }
    return readers[column.kind](raw, column, problems)


def _dtype(column: Column) -> Any:
    kinds = {"number": pl.Float64, "count": pl.Int64, "time": _UTC}
    return kinds.get(column.kind, pl.String)


def _text(raw: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    name = column.name
    kind = raw.schema[name]
    if kind.is_nested() or kind in (pl.Object, pl.Binary, pl.Duration, pl.Time):
        problems.add(raw, pl.col(name).is_not_null(), name, "is no plain text", "give a text")
        return pl.Series(name, [None] * raw.height, dtype=pl.String)
    if kind.is_float():  # a pandas column without any text is a column of NaN
        raw = raw.with_columns(pl.col(name).fill_nan(None))
    text = pl.col(name).cast(pl.String).str.strip_chars()
    frame = raw.with_columns(pl.when(text.str.len_chars() > 0).then(text).alias(name))
    problems.add(
        frame,
        pl.col(name).str.len_chars() > column.longest,
        name,
        f"is longer than {column.longest} characters",
        "shorten it",
    )
    # PostgreSQL stores no NUL in a text.
    problems.add(
        frame,
        pl.col(name).str.contains("\0", literal=True),
        name,
        "holds a NUL character",
        "remove it",
    )
    if column.allowed:
        bad = pl.col(name).is_not_null() & ~pl.col(name).is_in(list(column.allowed))
        problems.add(frame, bad, name, pl.format("{} is not known", _quoted(name)), column.remedy)
        frame = frame.with_columns(pl.when(~bad).then(pl.col(name)).alias(name))
    return frame[name]


def _number(raw: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    name, kind = column.name, raw.schema[column.name]
    if not (kind.is_numeric() or kind in (pl.String, pl.Object)):
        problems.add(raw, pl.col(name).is_not_null(), name, f"{kind} is no number", "give numbers")
        return pl.Series(name, [None] * raw.height, dtype=_dtype(column))
    if kind == pl.Object:
        raw = raw.with_columns(
            pl.Series(name, [None if v is None else str(v) for v in raw[name].to_list()])
        )
    if raw.schema[name] == pl.String:
        stripped = pl.col(name).str.strip_chars()
        raw = raw.with_columns(pl.when(~stripped.is_in(["", "null", "None"])).then(stripped))
    frame = raw.with_columns(pl.col(name).cast(pl.Float64, strict=False).alias("value"))
    unread = pl.col("value").is_null() & pl.col(name).is_not_null()
    problems.add(frame, unread, name, pl.format("{} is no number", _quoted(name)), "give a number")
    # pandas writes missing values as NaN: they are missing, and are counted, not guessed at.
    nan = pl.col("value").is_nan().fill_null(False)
    if n := frame.select(nan.sum()).item():
        problems.nan_counts[name] = int(n)
    if column.undefined is not None:
        problems.note_undefined(frame, nan | pl.col("value").is_infinite().fill_null(False))
    frame = frame.with_columns(pl.when(~nan).then(pl.col("value")).alias("value"))
    frame = _without_infinite(frame, column, problems)
    bad = _out_of_bounds(column)
    problems.add(frame, bad, name, _bounds_message(column), column.remedy)
    final = frame.with_columns(pl.when(~bad).then(pl.col("value")).alias(name))[name]
    return final.cast(_dtype(column))


def _without_infinite(frame: pl.DataFrame, column: Column, problems: Problems) -> pl.DataFrame:
    """An infinite metric is undefined; one without losing trades says so, and counts as most."""
    value = pl.col("value")
    infinite = value.is_infinite().fill_null(False)
    if column.low is not None:  # what cannot be negative is not undefined there, but wrong
        infinite &= value > 0
    n = int(frame.select(infinite.sum()).item())
    if n and column.undefined is None:
        problems.add(frame, infinite, column.name, "is infinite", INFINITE_REMEDY)
    elif n:
        problems.infinite_counts[column.name] = n
    most = None if column.undefined is None or isnan(column.undefined) else column.undefined
    at_most = pl.when(value > 0).then(pl.lit(most, pl.Float64))
    return frame.with_columns(pl.when(infinite).then(at_most).otherwise(value).alias("value"))


def _out_of_bounds(column: Column) -> pl.Expr:
    value = pl.col("value")
    conditions = [value.is_infinite()]
    if column.low is not None:
        conditions.append(value < column.low)
    if column.high is not None:
        conditions.append(value > column.high)
    if column.kind == "count":
        conditions.append(value != value.round())
    return pl.any_horizontal(conditions).fill_null(False)


def _bounds_message(column: Column) -> pl.Expr:
    low = "-inf" if column.low is None else f"{column.low:g}"
    wanted = "a whole number " if column.kind == "count" else ""
    if column.high is not None:
        wanted += f"between {low} and {column.high:.10g}"
    else:
        wanted += f"at least {low}"
    return pl.format(f"{{}} is not {wanted}", pl.col("value"))


def _time(raw: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    name, kind = column.name, raw.schema[column.name]
    remedy = "give ISO 8601 such as 2024-01-31T00:00:00Z; times without a zone are read as UTC"
    if isinstance(kind, pl.Datetime):
        time = pl.col(name).cast(pl.Datetime("us", kind.time_zone)).dt
        utc = time.convert_time_zone("UTC") if kind.time_zone else time.replace_time_zone("UTC")
        return raw.select(utc)[name]
    if kind == pl.Date:
        return raw.select(pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))[name]
    if kind != pl.String:
        problems.add(raw, pl.col(name).is_not_null(), name, f"{kind} is no time", remedy)
        return pl.Series(name, [None] * raw.height, dtype=_UTC)
    distinct = raw.select(pl.col(name)).unique().drop_nulls()
    parsed = distinct.with_columns(
        pl.Series("value", [_parse_time(v) for v in distinct[name]], dtype=_UTC)
    )
    frame = raw.join(parsed, on=name, how="left", maintain_order="left")
    bad = pl.col("value").is_null() & (pl.col(name).fill_null("").str.strip_chars() != "")
    problems.add(frame, bad, name, pl.format("{} is no time", _quoted(name)), remedy)
    return frame["value"].alias(name)


def _parse_time(text: str) -> datetime | None:
    text = text.strip()
    if text.isdigit() and len(text) != len("20240131"):
        return None  # "1712010112345", an epoch in milliseconds, also reads as a day of 1712
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # OverflowError: year 1 east of Greenwich
        return None


def _regime(raw: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    name = column.name
    series = raw[name]
    if series.dtype != pl.String:
        problems.add(
            raw,
            pl.col(name).is_not_null(),
            name,
            f"{series.dtype} is no regime",
            "give the JSON text of Regime.to_dict()",
        )
        return pl.Series(name, [None] * raw.height, dtype=pl.String)
    found = [(text, *_canonical_regime(text)) for text in series.unique().drop_nulls()]
    schema = {name: pl.String, "text": pl.String, "error": pl.String}
    table = pl.DataFrame(found, schema=schema, orient="row")
    frame = raw.join(table, on=name, how="left", maintain_order="left")
    problems.add(
        frame,
        pl.col("error").is_not_null(),
        name,
        pl.col("error"),
        "give the JSON text of Regime.to_dict()",
    )
    return frame["text"].alias(name)


def _canonical_regime(text: str) -> tuple[str | None, str | None]:
    if not text.strip():
        return None, None
    try:
        return regime_to_json(regime_from_json(text)), None
    except (ValueError, RecursionError) as error:
        return None, f"cannot be read as a regime: {error}"


def _quoted(name: str) -> pl.Expr:
    return pl.format("'{}'", pl.col(name).cast(pl.String))
