"""`param_*` columns that became texts because a few of their cells are no numbers.

A reader of CSV makes a whole column text when one cell is: a typo would silently turn 20 into "20",
which is another parameter set.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tradingkb.importers.checks import Problems
from tradingkb.importers.params import PREFIX

_REMEDY: Final = (
    'correct it; where texts are meant, give a params column with JSON text: {"fast": "auto"}'
)


def typed_params(frame: pl.DataFrame, problems: Problems) -> tuple[pl.DataFrame, list[str]]:
    """Makes numbers of text columns most of whose values are numbers; likewise booleans.

    The other values of such a column are problems. Where numbers are the smaller part, the column
    stays a text, and a note says so; a column of texts or of numbers alone stays as it is.

    Returns:
        The frame, and the notes.
    """
    notes = []
    for name in [c for c in frame.columns if c.startswith(PREFIX)]:
        if frame.schema[name] != pl.String:
            continue
        frame, note = _typed(frame, name, problems)
        notes += [note] if note else []
    return frame, notes


def _typed(frame: pl.DataFrame, name: str, problems: Problems) -> tuple[pl.DataFrame, str | None]:
    text = pl.col(name).str.strip_chars()
    counts = frame.select(pl.when(text != "").then(text)).drop_nulls()[name].value_counts()
    total = counts["count"].sum()
    for what, read in (("number", _numbers), ("boolean", _booleans)):
        known = counts.with_columns(value=read(counts[name]))
        alike = known.filter(pl.col("value").is_not_null())
        n = int(alike["count"].sum())
        if n in (0, total):
            continue
        if 2 * n <= total:
            return frame, (
                f"{name}: {n:,} of {total:,} values are {what}s, and taken as texts like the others"
            )
        others = known.filter(pl.col("value").is_null())[name]
        problems.add(
            frame, text.is_in(others.implode()), name,
            pl.format(f"'{{}}' is no {what}, as {n:,} of {total:,} values are", text), _REMEDY,
        )  # fmt: skip
        value = text.replace_strict(alike[name], alike["value"], default=None)
        return frame.with_columns(value.alias(name)), None
    return frame, None


def _numbers(texts: pl.Series) -> pl.Series:
    """Numbers where the texts are; leading zeros make a code, such as 007."""
    plain = texts.zip_with(~texts.str.contains(r"^[+-]?0\d"), pl.Series([None], dtype=pl.String))
    whole, real = (plain.cast(kind, strict=False) for kind in (pl.Int64, pl.Float64))
    return whole if whole.null_count() == real.null_count() else real


def _booleans(texts: pl.Series) -> pl.Series:
    lower = texts.str.to_lowercase()
    return lower.replace_strict(
        {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
    )
