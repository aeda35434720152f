"""Parameters in cells: `param_*` columns and the fields of a struct.

A cell that holds nothing is ambiguous, and so is a text among numbers: a reader of CSV makes a
whole column text when one cell is, and a typo would silently turn 20 into "20", which is another
parameter set. Where the strategy's spec declares a parameter it decides; these rules are for the
others.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from tradingkb.domain import MEAN_NOTHING, ParamValue, boolean_in, number_in
from tradingkb.importers.checks import Problems

_NO_NUMBERS: Final = ("inf", "infinity", "nan")
#: What a rejects file says of a column whose empty cells are no mistakes.
OR_NOTHING: Final = " or nothing"
_REMEDY: Final = (
    'correct it; where texts are meant, give a params column with JSON text: {"fast": "auto"}, '
    "or register the strategy's spec"
)


@dataclass(frozen=True)
class Cells:
    """One parameter of every row.

    Attributes:
        name: the parameter.
        field: what messages call its column.
        values: the cells, null where they hold nothing.
        meant: what a text means where no spec declares the parameter; None: texts.
        quoted: whether texts are JSON, of rows with a declaration, too.
        kind: what the column is, for a rejects file.
        note: what the user should know.
    """

    name: str
    field: str
    values: pl.Series
    meant: Mapping[str, ParamValue] | None
    quoted: bool
    kind: str
    note: str | None


def read_cells(
    name: str,
    column: pl.Series,
    owners: pl.DataFrame,
    problems: Problems,
    known: str | None,
    *,
    is_csv: bool,
) -> Cells:
    """The cells of one parameter; those that cannot be used are problems.

    Args:
        name: the parameter.
        column: its cells, with the name that messages give it.
        owners: `ROW`, strategy_name, and `declared`, whether a spec declares the parameter.
        problems: where cells that cannot be used are recorded.
        known: what a rejects file says of the column.
        is_csv: whether an empty cell is a null: then nobody has said that nothing is meant.
    """
    field, known, of_struct = column.name, known or "", column.name == "params"
    values, blank = _without_blanks(column, keep_texts=of_struct)
    rows = owners.with_columns(values.is_null().alias("nothing"), blank.alias("blank"))
    may_be_empty = not is_csv or known.endswith(OR_NOTHING)
    left_out = _without_value(field, rows, problems, may_be_empty) if values.null_count() else 0
    meant, kind, note = None, _kind_of(values.dtype), None
    if not of_struct and values.dtype in (pl.String, pl.Object):
        meant, kind, note = _meaning(field, values, rows, problems, known.removesuffix(OR_NOTHING))
    what = f"parameter {name}" if of_struct else field
    if values.null_count() == len(values) and not rows["declared"].any():
        note = f"{what}: no row has a value, and it was not used"
    if left_out:
        note = (
            f"{what}: {left_out:,} of {len(values):,} rows have no value, and are taken as sets "
            f"without it: {MEAN_NOTHING}"
        )
    suffix = OR_NOTHING if left_out or known.endswith(OR_NOTHING) else ""
    return Cells(name, field, values, meant, kind == "json", kind + suffix, note)


def _without_value(field: str, rows: pl.DataFrame, problems: Problems, may_be_empty: bool) -> int:
    """Refuses cells in which a value was forgotten; how many others are sets without one.

    Where no row of the strategy has a value, the parameter is one of other strategies.
    """
    others_have_it = (~pl.col("nothing")).any().over("strategy_name")
    lost = rows.filter(pl.col("nothing") & ~pl.col("declared") & others_have_it)
    forgotten = pl.col("blank") if may_be_empty else pl.lit(True)
    message = pl.format("is blank, where other rows of {} have a value", "strategy_name")
    problems.add(lost, forgotten, field, message, f"give a value; {MEAN_NOTHING}")
    return lost.filter(~forgotten).height


def _without_blanks(column: pl.Series, *, keep_texts: bool) -> tuple[pl.Series, pl.Series]:
    """The cells with null for NaN and for blank texts, and which of them were blank texts.

    A blank text in a struct is a text, as it is in JSON.
    """
    if column.dtype.is_float():
        # A float of 32 bits would be written by its shortest text, which is another number.
        return column.cast(pl.Float64).fill_nan(None), pl.repeat(False, len(column), eager=True)
    if column.dtype == pl.Object:
        values = column.to_list()
        kept = [None if _holds_nothing(v) else v for v in values]
        pairs = zip(values, kept, strict=True)
        blank = pl.Series([isinstance(v, str) and k is None for v, k in pairs], dtype=pl.Boolean)
        return pl.Series(column.name, kept, dtype=pl.Object), blank
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String or keep_texts:
        return column, pl.repeat(False, len(column), eager=True)
    blank = (column.str.strip_chars() == "").fill_null(False)
    return column.set(blank, None) if blank.any() else column, blank


def _holds_nothing(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float) and math.isnan(value)


def _meaning(
    field: str, values: pl.Series, rows: pl.DataFrame, problems: Problems, known: str
) -> tuple[dict[str, ParamValue] | None, str, str | None]:
    """What texts of rows without a declaration mean, the kind of the column, and a note."""
    meant: dict[str, ParamValue]
    typed = values.dtype == pl.Object
    if known == "json":
        return _quoted(field, _counts(values)[0], values, rows, problems), "json", None
    texts, others = _counts(values.filter(~rows["declared"]))
    kind = "json" if typed else "text"
    total = sum(texts.values()) + sum(others.values())
    for what, (read, is_like) in _READERS.items():
        if known not in ("", what) or not texts:
            continue
        meant = {text: value for text in texts if (value := read(text)) is not None}
        n = sum(texts[text] for text in texts if text in meant or is_like(text)) + others[what]
        if not known and (n == 0 or (n == total and not typed)):
            continue
        if not known and 2 * n <= total:
            said = f"{field}: {n:,} of {total:,} values are {what}s, and taken as texts like the "
            return None, kind, None if typed else f"{said}others"
        why = "" if known else f", as {n:,} of {total:,} values are"
        unread = [text for text in texts if text not in meant]
        _refuse(field, unread, values, rows, f"is no {what}{why}", problems)
        said = f"{field}: texts that read as {what}s are taken as {what}s, as the other values are"
        return meant, what, said if typed and meant else None
    return None, kind, None


def _counts(cells: pl.Series) -> tuple[dict[str, int], Counter[str]]:
    """How often each text is there, and how many numbers and booleans are."""
    if cells.dtype == pl.String:
        counts = cells.drop_nulls().str.strip_chars().value_counts()
        return dict(counts.rows()), Counter()
    values = cells.to_list()
    texts = Counter(v.strip() for v in values if isinstance(v, str))
    numbers = Counter(
        "boolean" if isinstance(v, bool) else "number" for v in values if isinstance(v, int | float)
    )
    return texts, numbers


def _quoted(
    field: str,
    texts: Mapping[str, int],
    values: pl.Series,
    rows: pl.DataFrame,
    problems: Problems,
) -> dict[str, ParamValue]:
    """What texts mean that are JSON, as a rejects file has them of a column of several types."""
    found: dict[str, ParamValue] = {}
    for text in texts:
        with contextlib.suppress(ValueError):
            found[text] = json.loads(text)
    unread = [text for text in texts if text not in found]
    _refuse(field, unread, values, rows, "is no JSON: texts stand in quotes", problems)
    return found


def _refuse(
    field: str,
    texts: list[str],
    values: pl.Series,
    rows: pl.DataFrame,
    message: str,
    problems: Problems,
) -> None:
    """Records the rows without a declaration whose cell is one of these texts."""
    if not texts:
        return
    strings = values
    if values.dtype == pl.Object:
        strings = pl.Series([v if isinstance(v, str) else None for v in values], dtype=pl.String)
    frame = rows.with_columns(strings.str.strip_chars().alias("text"))
    bad = pl.col("text").is_in(texts) & ~pl.col("declared")
    problems.add(frame, bad, field, pl.format(f"'{{}}' {message}", pl.col("text")), _REMEDY)


def _number(text: str) -> ParamValue:
    """A number where the text is one; leading zeros make a code, such as 007."""
    digits = text.lstrip("+-")
    is_code = digits[:1] == "0" and digits[1:2].isdigit()
    return None if is_code else number_in(text)


#: How a text is read, and which others are of the kind, though no value: "inf", "nan".
_READERS: Final[dict[str, tuple[Callable[[str], ParamValue], Callable[[str], bool]]]] = {
    "number": (_number, lambda text: text.lower().lstrip("+-") in _NO_NUMBERS),
    "boolean": (boolean_in, lambda _: False),
}


def _kind_of(dtype: pl.DataType) -> str:
    if dtype == pl.Boolean:
        return "boolean"
    return "number" if dtype.is_numeric() else "text"
