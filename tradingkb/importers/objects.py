"""pandas frames and `Trial` objects as Polars frames, without losing or guessing a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from tradingkb.domain import Regime, Trial, as_utc, is_unicode, regime_to_json
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import COLUMNS, Column

_UTC = pl.Datetime("us", "UTC")


def is_pandas(value: Any) -> bool:
    """Whether a value is a pandas DataFrame, without importing pandas."""
    return any(
        kind.__name__ == "DataFrame" and kind.__module__.split(".")[0] == "pandas"
        for kind in type(value).__mro__
    )


def from_pandas(frame: Any) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A pandas frame as a Polars one, without needing pyarrow.

    NaN stays NaN in columns of floats; NaN, NaT and NA elsewhere become null. Named levels of the
    index come first, as columns.

    Returns:
        The frame, and a note where an index may hold data but has no name.

    Raises:
        InvalidTrialError: two columns, or a column and an index, of one name.
    """
    index = {i: str(name) for i, name in enumerate(frame.index.names) if name is not None}
    names = [*index.values(), *(str(name) for name in frame.columns)]
    if twice := sorted(name for name, n in Counter(names).items() if n > 1):
        what = "the index and a column" if twice[0] in index.values() else "two columns"
        raise InvalidTrialError(
            f"{what} are named {twice[0]!r}", field="trials", remedy="rename one"
        )
    levels = [
        _from_pandas(name, frame.index.get_level_values(i).to_series()) for i, name in index.items()
    ]
    columns = [_from_pandas(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    nameless = len(index) < frame.index.nlevels and not _counts_rows(frame.index)
    note = (
        "the index of the frame has no name and was not used: where it holds data, name it "
        "(frame.rename_axis(...)) or make a column of it (frame.reset_index())"
    )
    return pl.DataFrame([*levels, *columns]), (note,) if nameless else ()


def _counts_rows(index: Any) -> bool:
    """Whether an index is the one that pandas makes itself: 0, 1, 2, ..."""
    return index.nlevels == 1 and bool(np.array_equal(index.to_numpy(), np.arange(len(index))))


def _from_pandas(name: str, series: Any) -> pl.Series:
    numpy = isinstance(getattr(series.dtype, "str", None), str)  # nullable types have no `str`
    if numpy and series.dtype.kind in "iufb":
        return pl.Series(name, series.to_numpy())
    missing = series.isna().tolist()
    values = [None if na else v for v, na in zip(series.tolist(), missing, strict=True)]
    if any(isinstance(v, datetime) for v in values):
        return _times(name, values)
    return column_of(name, values)


def column_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Python values as a column; of different types, each stays as it is.

    Polars would make one type of them, and 10 beside "auto" another parameter: "10". As a struct,
    the values of one row would take on the types of another's.
    """
    kinds = {type(v) for v in values if v is not None}
    if not (kinds <= {int, float} or len(kinds) == 1) or _has_parts(kinds):
        return pl.Series(name, values, dtype=pl.Object)
    try:
        return pl.Series(name, values, strict=kinds != {int, float})
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, values, dtype=pl.Object)


def settled(column: pl.Series) -> pl.Series:
    """A column of values of different types as texts, for a canonical column that wants one."""
    if column.dtype != pl.Object or _has_parts({type(v) for v in column.to_list()}):
        return column
    return pl.Series(column.name, [_text(v) for v in column.to_list()], dtype=pl.String)


def _has_parts(kinds: Iterable[type]) -> bool:
    return any(issubclass(kind, Mapping | list | tuple | set | np.ndarray) for kind in kinds)


def from_objects(trials: Sequence[Trial]) -> pl.DataFrame:
    """Trial objects as canonical columns, unchecked: a value of a wrong type stays visible."""
    return pl.DataFrame(
        [_column(c, [getattr(trial, c.name) for trial in trials]) for c in COLUMNS.values()]
    )


def _column(column: Column, values: list[Any]) -> pl.Series:
    name = column.name
    if column.kind == "params":
        return pl.Series(name, values, dtype=pl.Object)
    if column.kind == "time":
        return _times(name, values)
    if column.kind in ("number", "count") and all(v is None or _is_number(v) for v in values):
        return pl.Series(name, [v if v is None else float(v) for v in values], dtype=pl.Float64)
    texts = [regime_to_json(v) if isinstance(v, Regime) else _text(v) for v in values]
    _refuse_halves(name, texts)
    return pl.Series(name, texts, dtype=pl.String)


def _refuse_halves(name: str, texts: Sequence[str | None]) -> None:
    """Refuses a lone half of a surrogate pair, which no column of texts can hold."""
    for row, text in enumerate(texts, 1):
        if text is not None and not text.isascii() and not is_unicode(text):
            raise InvalidTrialError(
                f"{text!a} is no Unicode text",
                field=name,
                row=row,
                remedy="give a text that UTF-8 can hold",
            )


def _times(name: str, values: list[Any]) -> pl.Series:
    """Datetimes as UTC; with anything else among them, texts for the importer to read."""
    if all(v is None or isinstance(v, datetime) for v in values):
        return pl.Series(name, [v if v is None else _plain(v) for v in values], dtype=_UTC)
    return pl.Series(
        name,
        [v.isoformat() if isinstance(v, date) else _text(v) for v in values],
        dtype=pl.String,
    )


def _plain(time: datetime) -> datetime:
    """UTC, and Python's own type: Polars would ask pyarrow about a pandas Timestamp."""
    utc = as_utc(time)
    return datetime.combine(utc.date(), utc.time(), utc.tzinfo)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
