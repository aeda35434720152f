"""Reading trials from paths, frames and objects, and renaming the user's columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import (
    Regime,
    Trial,
    as_param_name,
    canonical_params,
    is_param_name,
    regime_to_json,
)
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import COLUMNS, ROW
from tradingkb.importers.files import read_path, reading
from tradingkb.importers.json_lines import from_rows
from tradingkb.importers.objects import from_objects, from_pandas, is_pandas, settled
from tradingkb.importers.rejects import kinds_in, without_marks
from tradingkb.importers.states import COLUMNS_OF_STATE, without_result

#: What a mapping calls the column that says which runs have a result.
STATE: Final = "state"
#: How optimisers and trackers call a score, an id, and parameters.
_FAMILIAR: Final = {"objective_score": "value", "source_id": "number"}
_STRATEGY: Final = ("strategy", "strategy_id", "strat", "system")
_PARAM_STARTS: Final = ("params_", "params.")


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
        broken: rows that could not be read, 1-based, with a message; they are not in `frame`.
        left_out: how many rows are no results.
        is_csv: whether an empty cell is a null of the frame.
    """

    original: pl.DataFrame
    frame: pl.DataFrame
    name: str
    ignored: tuple[str, ...]
    notes: tuple[str, ...]
    kinds: Mapping[str, str]
    broken: Sequence[tuple[int, str]]
    left_out: int
    is_csv: bool


@dataclass(frozen=True)
class _Loaded:
    """The user's table as it came, see `Source`."""

    frame: pl.DataFrame
    name: str
    notes: tuple[str, ...] = ()
    broken: Sequence[tuple[int, str]] = ()
    is_csv: bool = False


def read_source(
    trials: Any, mapping: Mapping[str, str | Const] | None = None, *, scored: bool = True
) -> Source:
    """Reads trials and renames their columns.

    Args:
        trials: a path (.parquet, .csv, .ndjson), a Polars or pandas frame, `Trial` objects, or a
            list of mappings, one per row.
        mapping: canonical name to the user's column, or to a constant.
        scored: whether rows have to be results: those that a column of states says are none are
            left out then.

    Raises:
        InvalidTrialError: no such file, an unknown format, no column that is known, a mapping that
            names no column; near names are suggested.
    """
    mapping = dict(mapping or {})
    loaded = _load(trials, mapping)
    state = mapping.pop(STATE, None)
    frame = without_marks(loaded.frame)
    if ROW in frame.columns:
        raise InvalidTrialError(f"the column name {ROW!r} is reserved", remedy="rename it")
    known = kinds_in(loaded.frame)
    mapped = _mapped(frame, mapping)
    # Beside a params column, param_* columns are the user's own (a param_id, say).
    loose = "params" not in mapped.columns
    renamed = _renamed_params(mapping)
    kept = [
        c
        for c in mapped.columns
        if c in COLUMNS or (loose and c.startswith("param_") and c not in renamed)
    ]
    if not kept:
        raise nothing_known(frame.columns)
    taken = {*kept, *(c for c in mapping.values() if isinstance(c, str))}
    states = _state_columns(frame, state, taken)
    ignored = tuple(c for c in frame.columns if c not in {*taken, state})
    numbered = mapped.select(kept).with_row_index(ROW, offset=1)
    numbered = numbered.with_columns(
        settled(numbered[c]) for c in kept if c in COLUMNS and c != "params"
    )
    if frame.width:  # spreadsheets leave blank lines; rows keep their numbers
        given = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
        numbered = numbered.filter(given)
    left_out, notes = 0, loaded.notes
    if scored:
        unfinished, note = without_result(frame, states, named=state is not None)
        notes = (*notes, *([note] if note else []))
        left_out = int(unfinished.sum())
        gone = unfinished.arg_true() + 1
        numbered = numbered.filter(~pl.col(ROW).is_in(gone.implode())) if left_out else numbered
    own = {c: mapping.get(c, c) for c in kept}
    kinds = {c: known[o] for c, o in own.items() if isinstance(o, str) and o in known}
    return Source(
        original=frame,
        frame=numbered,
        name=loaded.name,
        ignored=tuple(c for c in ignored if not (left_out and c in states)),
        notes=notes,
        kinds=kinds,
        broken=loaded.broken,
        left_out=left_out,
        is_csv=loaded.is_csv,
    )


def _renamed_params(mapping: Mapping[str, str | Const]) -> set[str]:
    """Columns of parameters that stand under another name, and not under their own as well."""
    pairs = [(name, c) for name, c in mapping.items() if isinstance(c, str)]
    return {c for name, c in pairs if name.startswith("param_") and c not in mapping}


def _state_columns(
    frame: pl.DataFrame, state: str | Const | None, taken: set[str]
) -> Sequence[str]:
    """Where the user's table says which runs have a result."""
    if state is None:
        return [c for c in COLUMNS_OF_STATE if c not in taken]
    if isinstance(state, str) and state in frame.columns:
        return [state]
    raise InvalidTrialError(
        f"column {state!r} (for {STATE}) is not in the input",
        field="mapping",
        remedy=_near(str(state), frame.columns),
    )


def _load(trials: Any, mapping: Mapping[str, str | Const]) -> _Loaded:
    """The user's table, how messages call it, and notes."""
    if is_pandas(trials):
        frame, notes = from_pandas(trials)
        return _Loaded(frame, "a pandas frame", notes)
    if isinstance(trials, str | Path):
        mappings = _columns_of(mapping, "params", "regime")
        frame, broken = read_path(trials, _columns_of(mapping, "text"), mappings)
        is_csv = Path(trials).suffix.lower() == ".csv"
        return _Loaded(frame, str(trials), broken=broken, is_csv=is_csv)
    if isinstance(trials, pl.LazyFrame):
        return _Loaded(reading("the LazyFrame", trials.collect), "a Polars frame")
    if isinstance(trials, pl.DataFrame):
        return _Loaded(trials, "a Polars frame")
    if isinstance(trials, Trial):
        trials = [trials]
    if isinstance(trials, Sequence) and all(isinstance(t, Trial) for t in trials):
        return _Loaded(from_objects(trials), f"{len(trials)} Trial objects")
    if isinstance(trials, Sequence) and all(isinstance(t, Mapping) for t in trials):
        mappings = _columns_of(mapping, "params", "regime")
        return _Loaded(from_rows(trials, mappings), f"{len(trials)} rows")
    raise InvalidTrialError(
        f"cannot read trials from {type(trials).__name__}",
        field="trials",
        remedy="give a path, a Polars or pandas frame, Trial objects, or a list of dicts",
    )


def _columns_of(mapping: Mapping[str, str | Const], *kinds: str) -> set[str]:
    """The columns of a file that hold canonical columns of these kinds."""
    wanted = {name: mapping.get(name, name) for name, c in COLUMNS.items() if c.kind in kinds}
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
        name = canonical.removeprefix("param_")
        if canonical not in COLUMNS and not is_param_name(name):
            raise InvalidTrialError(
                f"{name!r} is no name of a parameter: letters, digits and _, no digit first",
                field="mapping",
                remedy=f"name it param_{as_param_name(name)}",
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


def nothing_known(columns: Sequence[str]) -> InvalidTrialError:
    """Of a table without any column that is known."""
    shown = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
    return InvalidTrialError(
        f"none of its columns is known: {shown or 'it has none'}",
        field="trials",
        remedy=f"say what they are: mapping={{{', '.join(_example(columns))}}}",
    )


def no_params(columns: Sequence[str]) -> InvalidTrialError:
    """Of a table whose columns hold no parameters, as far as is known."""
    own = [text for text in _example(columns) if text.startswith('"param_')]
    example = ", ".join(own) or '"params": "your column"'
    return InvalidTrialError(
        "no parameters",
        field="params",
        remedy="give a params column (struct or JSON text) or param_* columns, or map one: "
        f"mapping={{{example}}}",
    )


def no_strategy(columns: Sequence[str]) -> InvalidTrialError:
    """Of a table without the name of any strategy."""
    named = [name for name in columns if name.lower() in _STRATEGY]
    example = '"strategy_name": tkb.const("your strategy")'
    if named:
        example = f'"strategy_name": "{named[0]}"'
    return InvalidTrialError(
        "no row names its strategy",
        field="strategy_name",
        remedy=f"say which column does, or name it: mapping={{{example}}}",
    )


def _example(columns: Sequence[str]) -> list[str]:
    """Entries of a mapping for a user's columns; optimisers and trackers have names for some."""
    found = ['"strategy_name": tkb.const("your strategy")']
    found += [f'"{name}": "{own}"' for name, own in _FAMILIAR.items() if own in columns]
    for start in _PARAM_STARTS:
        own = [c for c in columns if c.startswith(start) and c != start]
        found += [f'"param_{as_param_name(c.removeprefix(start))}": "{c}"' for c in own]
    return found if len(found) > 1 else [*found, '"params": "your column"', '"sharpe_oos": "..."']


def literal(value: Any) -> Any:
    """A constant as a cell of a column: structures become their JSON text."""
    if isinstance(value, Regime):
        return regime_to_json(value)
    return canonical_params(value) if isinstance(value, Mapping) else value


def _near(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
