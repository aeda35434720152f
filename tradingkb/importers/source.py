"""Reading trials from paths, frames and objects, and renaming the user's columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tradingkb.domain import Regime, Trial, canonical_params, regime_to_json
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import COLUMNS, ROW
from tradingkb.importers.files import read_path, reading
from tradingkb.importers.objects import from_objects, from_pandas, is_pandas
from tradingkb.importers.rejects import kinds_in, without_marks


@dataclass(frozen=True)
class Const:
    """A constant in a mapping: every row has this value."""

    value: Any


def const(value: Any) -> Const:
    """Marks a constant in a mapping, where a text would name a column.

    For example `{"strategy_name": const("sma_cross")}`.
    """
    return Const(value)


@dataclass(frozen=True)
class Source:
    """A user's table under canonical names.

    Attributes:
        original: the table as the user gave it.
        frame: canonical columns (not yet checked), `param_*` columns, and `ROW`.
        name: how messages call it.
        ignored: the user's columns that no canonical column takes.
        notes: what the user should know, as sentences.
        kinds: what a rejects file says about its `param_*` columns.
    """

    original: pl.DataFrame
    frame: pl.DataFrame
    name: str
    ignored: tuple[str, ...]
    notes: tuple[str, ...]
    kinds: Mapping[str, str]


def read_source(trials: Any, mapping: Mapping[str, str | Const] | None = None) -> Source:
    """Reads trials and renames their columns.

    Args:
        trials: a path (.parquet, .csv, .ndjson), a Polars or pandas frame, or `Trial` objects.
        mapping: canonical name to the user's column, or to a constant.

    Raises:
        InvalidTrialError: no such file, an unknown format, a mapping that names no column; near
            names are suggested.
    """
    frame, name, notes = _load(trials, mapping or {})
    kinds = kinds_in(frame)
    frame = without_marks(frame)
    if ROW in frame.columns:
        raise InvalidTrialError(f"the column name {ROW!r} is reserved", remedy="rename it")
    mapped = _mapped(frame, mapping or {})
    # Beside a params column, param_* columns are the user's own (a param_id, say).
    loose = "params" not in mapped.columns
    kept = [c for c in mapped.columns if c in COLUMNS or (loose and c.startswith("param_"))]
    taken = {*kept, *(c for c in (mapping or {}).values() if isinstance(c, str))}
    ignored = tuple(c for c in frame.columns if c not in taken)
    numbered = mapped.select(kept).with_row_index(ROW, offset=1)
    if frame.width:  # spreadsheets leave blank lines; rows keep their numbers
        numbered = numbered.filter(frame.select(~pl.all_horizontal(pl.all().is_null())).to_series())
    columns = [(c, (mapping or {}).get(c, c)) for c in kept]
    known = {c: kinds[own] for c, own in columns if isinstance(own, str) and own in kinds}
    return Source(frame, numbered, name, ignored, notes, known)


def _load(
    trials: Any, mapping: Mapping[str, str | Const]
) -> tuple[pl.DataFrame, str, tuple[str, ...]]:
    """The user's table, how messages call it, and notes."""
    if is_pandas(trials):
        frame, notes = from_pandas(trials)
        return frame, "a pandas frame", notes
    return *_load_plain(trials, mapping), ()


def _load_plain(trials: Any, mapping: Mapping[str, str | Const]) -> tuple[pl.DataFrame, str]:
    if isinstance(trials, str | Path):
        return read_path(trials, _text_columns(mapping)), str(trials)
    if isinstance(trials, pl.LazyFrame):
        return reading("the LazyFrame", trials.collect), "a Polars frame"
    if isinstance(trials, pl.DataFrame):
        return trials, "a Polars frame"
    if isinstance(trials, Trial):
        trials = [trials]
    if isinstance(trials, Sequence) and all(isinstance(t, Trial) for t in trials):
        return from_objects(trials), f"{len(trials)} Trial objects"
    raise InvalidTrialError(
        f"cannot read trials from {type(trials).__name__}",
        field="trials",
        remedy="give a path, a Polars or pandas frame, or Trial objects",
    )


def _text_columns(mapping: Mapping[str, str | Const]) -> set[str]:
    """The columns of a file that hold the texts of canonical columns."""
    wanted = {name: mapping.get(name, name) for name, c in COLUMNS.items() if c.kind == "text"}
    return {column for column in wanted.values() if isinstance(column, str)}


def _mapped(frame: pl.DataFrame, mapping: Mapping[str, str | Const]) -> pl.DataFrame:
    expressions, known = [], set(frame.columns)  # asked of the frame, each name takes a walk
    for canonical, column in mapping.items():
        if canonical not in COLUMNS and not canonical.startswith("param_"):
            raise InvalidTrialError(
                f"{canonical!r} is no canonical column",
                field="mapping",
                remedy=_near(str(canonical), COLUMNS) + "; a mapping is {canonical: your column}",
            )
        if isinstance(column, Const):
            expressions.append(pl.lit(literal(column.value)).alias(canonical))
        elif column in known:
            expressions.append(pl.col(column).alias(canonical))
        else:
            raise InvalidTrialError(
                f"column {column!r} (for {canonical}) is not in the input",
                field="mapping",
                remedy=_near(str(column), frame.columns) + "; for a constant use tkb.const(...)",
            )
    return frame.with_columns(expressions)


def literal(value: Any) -> Any:
    """A constant as a cell of a column: structures become their JSON text."""
    if isinstance(value, Regime):
        return regime_to_json(value)
    return canonical_params(value) if isinstance(value, Mapping) else value


def _near(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
