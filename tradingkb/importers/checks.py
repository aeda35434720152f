"""Checks of canonical columns: every value that cannot be used is named with its row and remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import isnan
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
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


class Check(NamedTuple):
    """A rule of one column: which rows break it, what is said of them, and what to do."""

    bad: pl.Expr
    field: str
    message: pl.Expr | str
    remedy: str


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
        self.add_all(frame, [Check(bad, field, message, remedy)])

    def add_all(self, frame: pl.DataFrame, checks: Sequence[Check]) -> None:
        """Records one problem for each row of `frame` and each check that it does not pass.

        The rows are looked at once for all checks, and mostly pass: texts are made for those alone
        that do not.
        """
        bad = (check.bad.fill_null(False).alias(f"{i}") for i, check in enumerate(checks))
        masks = frame.select(ROW, *bad).get_columns()[1:]
        for check, mask in zip(checks, masks, strict=True):
            if mask.any():  # gathered by place: filtering leaves a chunk for each of the source
                self._found.append(_problems(frame[mask.arg_true()], check))

    def note_undefined(self, frame: pl.DataFrame, undefined: pl.Series) -> None:
        """Remembers rows with a metric that their tool computed, and found undefined."""
        self._undefined.append(frame[ROW].filter(undefined).cast(pl.UInt32))

    def undefined(self, frame: pl.DataFrame) -> pl.Series:
        """Which rows of `frame` have a metric of which the source says that it is undefined."""
        return pl.Series("undefined", _among(frame[ROW], self._undefined))

    def extend(self, found: pl.DataFrame) -> None:
        """Records problems that have been found: `ROW`, field, message, remedy."""
        if found.height:
            columns = [pl.col(name).cast(kind) for name, kind in PROBLEM_SCHEMA.items()]
            self._found.append(found.select(columns))

    def among(self, frame: pl.DataFrame) -> pl.Series:
        """Which rows of `frame` have a problem so far."""
        return pl.Series("unsound", _among(frame[ROW], [found[ROW] for found in self._found]))

    def frame(self) -> pl.DataFrame:
        """Every problem, by row."""
        if not self._found:
            return pl.DataFrame(schema=PROBLEM_SCHEMA)
        return pl.concat(self._found).sort(ROW, "field", maintain_order=True)


def _problems(rows: pl.DataFrame, check: Check) -> pl.DataFrame:
    text = pl.lit(check.message) if isinstance(check.message, str) else check.message
    return rows.select(
        pl.col(ROW).cast(pl.UInt32),
        pl.lit(check.field).alias("field"),
        text.alias("message"),
        pl.lit(check.remedy).alias("remedy"),
    )


def _among(rows: pl.Series, found: Sequence[pl.Series]) -> npt.NDArray[np.bool_]:
    # np.isin, because Polars' is_in compares every row with a list of its own.
    bad = np.concatenate([f.to_numpy() for f in found]) if found else np.array([], np.uint32)
    return np.isin(rows.to_numpy(), bad)


def read_column(frame: pl.DataFrame, column: Column, problems: Problems) -> pl.Series:
    """One canonical column with its final type; values that cannot be used become null."""
    name = column.name
    if name not in frame.columns:
        return pl.Series(name, [None] * frame.height, dtype=_dtype(column))
    raw = pl.DataFrame([frame[ROW], frame[name]])
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
    checks = [
        Check(
            pl.col(name).str.len_chars() > column.longest,
            name,
            f"is longer than {column.longest} characters",
            "shorten it",
        ),
        # PostgreSQL stores no NUL in a text.
        Check(
            pl.col(name).str.contains("\0", literal=True),
            name,
            "holds a NUL character",
            "remove it",
        ),
    ]
    if not column.allowed:
        problems.add_all(frame, checks)
        return frame[name]
    known = pl.col(name).is_in(list(column.allowed))
    unknown = pl.format("{} is not known", _quoted(name))
    problems.add_all(frame, [*checks, Check(~known, name, unknown, column.remedy)])
    return frame.select(pl.when(known).then(pl.col(name)).alias(name))[name]


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
    frame = raw.with_columns(pl.col(name).cast(pl.Float64, strict=False).alias("given"))
    given = pl.col("given")
    # pandas writes missing values as NaN: they are missing, and are counted, not guessed at.
    frame = frame.with_columns(
        given.is_nan().fill_null(False).alias("nan"), _infinite(column).alias("infinite")
    )
    if n := int(frame["nan"].sum()):
        problems.nan_counts[name] = n
    n_infinite = int(frame["infinite"].sum())
    if n_infinite and column.undefined is not None:
        problems.infinite_counts[name] = n_infinite
    if column.undefined is not None:
        undefined = frame.select(pl.col("nan") | given.is_infinite().fill_null(False))
        problems.note_undefined(frame, undefined.to_series())
    frame = frame.with_columns(_without_undefined(column).alias("value"))
    bad, infinite = _out_of_bounds(column), pl.lit(column.undefined is None) & pl.col("infinite")
    checks = [
        Check(
            given.is_null() & pl.col(name).is_not_null(),
            name,
            pl.format("{} is no number", _quoted(name)),
            "give a number",
        ),
        Check(infinite, name, "is infinite", INFINITE_REMEDY),
        Check(bad, name, _bounds_message(column), column.remedy),
    ]
    problems.add_all(frame, checks)
    final = frame.select(pl.when(~bad).then(pl.col("value")).alias(name))[name]
    return final.cast(_dtype(column))


def _infinite(column: Column) -> pl.Expr:
    """Which numbers are infinite, and not wrong for being below what is possible."""
    infinite = pl.col("given").is_infinite().fill_null(False)
    return infinite if column.low is None else infinite & (pl.col("given") > 0)


def _without_undefined(column: Column) -> pl.Expr:
    """The numbers without NaN; an infinite metric is undefined.

    One without losing trades says so, and counts as most.
    """
    given = pl.col("given")
    most = None if column.undefined is None or isnan(column.undefined) else column.undefined
    at_most = pl.when(given > 0).then(pl.lit(most, pl.Float64))
    return pl.when(pl.col("infinite")).then(at_most).when(~pl.col("nan")).then(given)


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
