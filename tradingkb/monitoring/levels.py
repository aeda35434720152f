"""The values that a parameter was tried with, as the steps of an axis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import ParamValue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: More distinct values than this are put together: nobody sees more on an axis.
MOST_LEVELS: Final = 30
#: Numbers into so many steps, each with about as many of the distinct numbers as any other.
BINS: Final = 12


@dataclass(frozen=True)
class Levels:
    """The steps of one parameter.

    Attributes:
        name: of the parameter; None where there is none, and every set is on the same step.
        numeric: whether its values are numbers; else they are categories, as text.
        binned: whether a step holds several distinct values. Of categories that is the one of all
            but those of the most sets, and says how many these are: "... 71 others".
        distinct: how many distinct values there are, none not counted.
        code: shape (p,), the step of each parameter set.
        table: one row per step in order: code, value (Float64, or String), low, high (the least and
            the greatest number on it, null for categories). Sets that do not name the parameter are
            on the last step, whose value is null.
    """

    name: str | None
    numeric: bool
    binned: bool
    distinct: int
    code: Ints
    table: pl.DataFrame


def levels(name: str | None, sets: Sequence[Mapping[str, ParamValue]]) -> Levels:
    """The steps of one parameter of these sets."""
    values = [None if name is None else one.get(name) for one in sets]
    known = [value for value in values if value is not None]
    if known and all(map(_is_number, known)):
        return _numeric(name, values)
    return _categorical(name, values)


def varying(sets: Sequence[Mapping[str, ParamValue]]) -> tuple[str, ...]:
    """The parameters that vary: numeric ones first, those with more values before others."""
    names = sorted({name for one in sets for name in one})
    found = {name: levels(name, sets) for name in names}
    several = [name for name in names if found[name].table.height > 1]
    return tuple(sorted(several, key=lambda n: (not found[n].numeric, -found[n].distinct, n)))


def _is_number(value: ParamValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numeric(name: str | None, values: Sequence[Any]) -> Levels:
    numbers = np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    known = np.unique(numbers[np.isfinite(numbers)])
    binned = len(known) > MOST_LEVELS
    parts = np.array_split(known, BINS if binned else max(len(known), 1))
    low, high = (np.array([part[end] for part in parts]) for end in (0, -1))
    code = np.where(np.isnan(numbers), len(parts), np.searchsorted(high, numbers))
    table = pl.DataFrame({"value": _middle(low, high), "low": low, "high": high})
    if np.isnan(numbers).any():
        table = pl.concat([table, table.clear(1)])
    return Levels(
        name, True, binned, len(known), code.astype(np.int64), table.with_row_index("code")
    )


def _middle(low: Floats, high: Floats) -> Floats:
    return np.where(low == high, low, low / 2 + high / 2)  # the sum may be too large


def _categorical(name: str | None, values: Sequence[Any]) -> Levels:
    told = pl.Series([None if v is None else _text(v) for v in values], dtype=pl.String)
    distinct = told.drop_nulls().n_unique()
    texts = _few(told, distinct) if distinct > MOST_LEVELS else told
    names = texts.unique().sort(nulls_last=True)
    place = {text: code for code, text in enumerate(names)}
    code = np.array([place[text] for text in texts], dtype=np.int64)
    nothing = pl.Series([None] * len(names), dtype=pl.Float64)
    table = pl.DataFrame({"value": names, "low": nothing, "high": nothing})
    binned = distinct > MOST_LEVELS
    return Levels(name, False, binned, distinct, code, table.with_row_index("code"))


def _few(texts: pl.Series, distinct: int) -> pl.Series:
    """The categories of the most sets, and all others as one: a name may be that of one set."""
    counts = texts.drop_nulls().value_counts(name="n")
    named = counts.sort("n", texts.name, descending=[True, False])[texts.name].head(MOST_LEVELS - 1)
    others = f"... {distinct - len(named):,} others"
    known = set(named)
    kept = [text if text is None or text in known else others for text in texts]
    return pl.Series(kept, dtype=pl.String)


def _text(value: ParamValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
