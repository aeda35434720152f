"""`param_*` columns that became texts because a few of their cells are no numbers.

A reader of CSV makes a whole column text when one cell is: a typo would silently turn 20 into "20",
which is another parameter set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from tradingkb.importers.checks import Problems
from tradingkb.importers.columns import ROW
from tradingkb.importers.params import PREFIX

_REMEDY: Final = (
    'correct it; where texts are meant, give a params column with JSON text: {"fast": "auto"}'
)


def typed_params(
    frame: pl.DataFrame, problems: Problems, kinds: Mapping[str, str]
) -> tuple[pl.DataFrame, list[str]]:
    """Makes numbers of text columns most of whose values are numbers; likewise booleans.

    The other values of such a column are problems. Where numbers are the smaller part, the column
    stays a text, and a note says so; a column of texts or of numbers alone stays as it is.

    Args:
        frame: the source.
        problems: where the other values are recorded.
        kinds: "number", "boolean" or "text" of the columns of which that is known already.

    Returns:
        The frame, and the notes.
    """
    texts = [n for n, kind in frame.schema.items() if n.startswith(PREFIX) and kind == pl.String]
    rows = frame.select(ROW)
    columns, notes = [], []
    for name in texts:
        # Each beside its rows alone: a step on all columns for each of them would be quadratic.
        column, note = _typed(rows.with_columns(frame[name]), problems, kinds.get(name))
        columns += [] if column is None else [column]
        notes += [note] if note else []
    return frame.with_columns(columns), notes


def kinds_of(frame: pl.DataFrame) -> dict[str, str]:
    """What the values of `param_*` columns are; columns without any value are left out."""
    kinds = {}
    for name, kind in frame.schema.items():
        if name.startswith(PREFIX) and kind != pl.Null:
            boolean = "boolean" if kind == pl.Boolean else "text"
            kinds[name] = "number" if kind.is_numeric() else boolean
    return kinds


def _typed(
    rows: pl.DataFrame, problems: Problems, kind: str | None
) -> tuple[pl.Series | None, str | None]:
    """The column of texts with other values, None where it stays as it is; and a note."""
    name = rows.columns[-1]
    text = pl.col(name).str.strip_chars()
    counts = rows.select(pl.when(text != "").then(text)).drop_nulls()[name].value_counts()
    total = int(counts["count"].sum())
    for what, read in (("number", _numbers), ("boolean", _booleans)):
        if kind not in (None, what):
            continue
        known = counts.with_columns(value=read(counts[name]))
        n = int(known.filter(pl.col("value").is_not_null())["count"].sum())
        if kind is None and n in (0, total):
            continue
        if kind is None and 2 * n <= total:
            return None, (
                f"{name}: {n:,} of {total:,} values are {what}s, and taken as texts like the others"
            )
        why = "" if kind else f", as {n:,} of {total:,} values are"
        return _read_as(rows, known, f"is no {what}{why}", problems), None
    return None, None


def _read_as(
    rows: pl.DataFrame, known: pl.DataFrame, message: str, problems: Problems
) -> pl.Series:
    """The column with the values of `known`; texts that have none there are problems."""
    name = rows.columns[-1]
    text = pl.col(name).str.strip_chars()
    unread = known.filter(pl.col("value").is_null())[name]
    bad = text.is_in(unread.implode())
    problems.add(rows, bad, name, pl.format(f"'{{}}' {message}", text), _REMEDY)
    kind = known["value"].dtype
    values = text.replace_strict(known[name], known["value"], default=None, return_dtype=kind)
    # Some value, for the row is refused: without any its parameters would be called empty, too.
    return rows.select(pl.when(bad).then(pl.lit(0).cast(kind)).otherwise(values).alias(name))[name]


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
