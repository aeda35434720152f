"""Parameters in their spellings (JSON text, mapping, struct, `param_*` columns) to canonical text.

All of them mean the same: each set is read once, by the spec of its strategy.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tradingkb.domain import (
    ParamValue,
    StrategySpec,
    as_param_name,
    canonical_params,
    is_param_name,
    looks_typed,
    read_set,
    spec_for,
)
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.cells import Cells, read_cells
from tradingkb.importers.checks import Problems
from tradingkb.importers.columns import ROW

PREFIX: Final = "param_"
#: What a rejects file says of a column of structs, in which null is also what a set has not.
STRUCT: Final = "struct"
_FLAT: Final = "give a flat mapping of names to numbers, texts, booleans or null"
NO_NAME: Final = "is no name of a parameter: letters, digits and _, no digit first"
_EMPTY: Final = "params are empty"
#: Name of the parameter at fault, "" where it is the set; message; remedy.
Wrong = tuple[str, str, str]
Reader = Callable[..., tuple[str | None, list[Wrong]]]


@dataclass(frozen=True)
class ReadParams:
    """The parameters of a source.

    Attributes:
        texts: canonical JSON, null where they cannot be read; shape (n,).
        kinds: what each `param_*` column is, for a rejects file.
        notes: what the user should know, as sentences.
    """

    texts: pl.Series
    kinds: Mapping[str, str]
    notes: tuple[str, ...]


def read_params(
    frame: pl.DataFrame,
    owners: pl.DataFrame,
    specs: Sequence[StrategySpec],
    problems: Problems,
    kinds: Mapping[str, str] | None = None,
    *,
    is_csv: bool = False,
) -> ReadParams:
    """Reads the parameters of every row; what cannot be read is a problem.

    Args:
        frame: `ROW`, and either `params` or columns that begin with `PREFIX`.
        owners: strategy_name and strategy_version of every row.
        specs: of the workspace; those registered last come last.
        problems: where values that cannot be read are recorded.
        kinds: what a rejects file says of its `param_*` columns.
        is_csv: whether an empty cell is a null.
    """
    codes, found = _specs_of(owners, specs)
    rows = pl.DataFrame([frame[ROW], owners["strategy_name"], codes])
    known = kinds or {}
    if "params" not in frame.columns:
        loose = {c.removeprefix(PREFIX): frame[c] for c in frame.columns if c.startswith(PREFIX)}
        return _of_columns(loose, rows, found, problems, known, is_csv=is_csv)
    if isinstance(frame.schema["params"], pl.Struct):
        fields = frame["params"].struct.unnest()
        parts = {c: fields[c].alias("params") for c in fields.columns}
        return _of_columns(parts, rows, found, problems, {}, is_csv=False)
    return _of_mappings(frame["params"], rows, found, problems, known.get("params", ""))


def _of_mappings(
    values: pl.Series,
    rows: pl.DataFrame,
    found: Sequence[StrategySpec | None],
    problems: Problems,
    known: str,
) -> ReadParams:
    """Of mappings, or JSON texts of some."""
    seen = _Texts()

    def read(code: int, value: Any) -> tuple[str | None, list[Wrong]]:
        return _whole(value, found[code], seen, null_is_none=known != STRUCT)

    keys = rows.select(ROW, "spec").with_columns(values.alias("value"))
    texts = _read(keys, read, problems, {})
    return ReadParams(texts, {"params": known} if known else {}, seen.notes())


def _of_columns(
    columns: Mapping[str, pl.Series],
    rows: pl.DataFrame,
    found: Sequence[StrategySpec | None],
    problems: Problems,
    known: Mapping[str, str],
    *,
    is_csv: bool,
) -> ReadParams:
    """Of one column for each parameter."""
    _check_names(columns)
    seen, mine, cells = _Texts(), Problems(), []
    for name, column in columns.items():
        declared = [i for i, spec in enumerate(found) if _declares(spec, name)]
        owners = rows.with_columns(pl.col("spec").is_in(declared).alias("declared"))
        kind = known.get(column.name)
        cells.append(read_cells(name, column, owners, mine, kind, is_csv=is_csv))

    def read(code: int, bad: bool, *values: Any) -> tuple[str | None, list[Wrong]]:
        return (None, []) if bad else _of_cells(cells, values, found[code], seen)

    keys = rows.select(ROW, "spec").with_columns(mine.among(rows).alias("__bad__"))
    keys = keys.with_columns(c.values.alias(f"{i}") for i, c in enumerate(cells))
    problems.extend(mine.frame())
    texts = _read(keys, read, problems, {c.name: c.field for c in cells})
    kinds = {c.field: STRUCT if c.field == "params" else c.kind for c in cells}
    return ReadParams(texts, kinds, (*(c.note for c in cells if c.note), *seen.notes()))


def _check_names(columns: Mapping[str, pl.Series]) -> None:
    """Refuses a column of values that no parameter can be named after.

    Raises:
        InvalidTrialError: with a name that it could have.
    """
    for name, column in columns.items():
        if is_param_name(name) or column.null_count() == len(column):
            continue
        near = as_param_name(name)
        remedy = f'map it: mapping={{"{PREFIX}{near}": "{column.name}"}}, or rename it'
        if column.name == "params":
            remedy = f"rename it in params: {near}"
        raise InvalidTrialError(f"{name!r} {NO_NAME}", field=column.name, remedy=remedy)


def check_param(name: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a value of a `param_*` column, whatever its strategy, and the remedy."""
    _, unread = read_set({name.removeprefix(PREFIX): value}, None)
    return (unread[0].message, unread[0].remedy) if unread else None


def _specs_of(
    owners: pl.DataFrame, specs: Sequence[StrategySpec]
) -> tuple[pl.Series, list[StrategySpec | None]]:
    """The place in a list of what each row's strategy declares; None in it: nothing.

    A row that names a version is read by the spec of that version, others by the newest one.
    """
    distinct = owners.unique()
    rows = distinct.select("strategy_name", "strategy_version").rows()
    found = [spec_for(specs, name, version) for name, version in rows]
    places = range(len(found))
    table = distinct.with_columns(pl.Series("spec", places, dtype=pl.Int64))
    joined = owners.join(
        table, on=owners.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["spec"], found


class _Texts:
    """Counts, by parameter that no spec declares, texts that look like numbers and other values."""

    def __init__(self) -> None:
        self._typed: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def look_at(self, values: Mapping[str, ParamValue], spec: StrategySpec | None) -> None:
        for name, value in values.items():
            if not _declares(spec, name):
                (self._typed if looks_typed(value) else self._others)[name] += 1

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{name}: all values are texts that look like numbers or booleans, and are taken as "
            "texts, so '20' is not 20: register the strategy's spec, which says what they are, "
            "or give numbers"
            for name in sorted(self._typed)
            if name not in self._others
        )


def _read(
    keys: pl.DataFrame, read: Reader, problems: Problems, fields: Mapping[str, str]
) -> pl.Series:
    """Canonical texts; equal spellings are read once: sweeps repeat a few hundred sets.

    Args:
        keys: `ROW`, and what `read` takes.
        read: makes a text of one row of `keys`, and says what is wrong with it.
        problems: where that is recorded.
        fields: the columns of parameters; others stand in `params`.
    """
    names = [c for c in keys.columns if c != ROW]
    plain = not any(d.is_nested() or d in (pl.Object, pl.Binary) for d in keys.dtypes)
    distinct = keys.select(names)
    if plain:
        distinct = distinct.unique(maintain_order=True)
    results = [read(*row) for row in zip(*(s.to_list() for s in distinct), strict=True)]
    texts = pl.Series("params", [text for text, _ in results], dtype=pl.String)
    place = pl.int_range(len(texts), dtype=pl.Int64, eager=True).alias("place")
    if plain:
        table = distinct.with_columns(place)
        joined = keys.join(table, on=names, how="left", nulls_equal=True, maintain_order="left")
        place = joined["place"]
    wrong = [
        (i, fields.get(name, "params"), message, remedy)
        for i, (_, found) in enumerate(results)
        for name, message, remedy in found
    ]
    schema = {"place": pl.Int64, **dict.fromkeys(("field", "message", "remedy"), pl.String)}
    rows = keys.select(ROW).with_columns(place.alias("place"))
    problems.extend(rows.join(pl.DataFrame(wrong, schema, orient="row"), on="place"))
    return texts.gather(place)


def _whole(
    value: Any, spec: StrategySpec | None, seen: _Texts, *, null_is_none: bool
) -> tuple[str | None, list[Wrong]]:
    """Of a mapping or its JSON text."""
    if value is None:
        return None, [("", "params are missing", _FLAT)]
    try:
        parsed = json.loads(value, object_pairs_hook=_object) if isinstance(value, str) else value
        if not isinstance(parsed, Mapping):
            canonical_params(parsed)  # says what it is instead
        if not null_is_none:
            parsed = {k: v for k, v in parsed.items() if v is not None or _declares(spec, k)}
        return _set(parsed, spec, seen)
    except json.JSONDecodeError as error:
        return None, [("", f"params are no JSON: {error}", _FLAT)]
    except InvalidTrialError as error:
        return None, [("", error.message, _FLAT)]
    except (ValueError, RecursionError):  # an integer of 5,000 digits, ten thousand brackets
        return None, [("", "params are no JSON that can be read", _FLAT)]


def _of_cells(
    cells: Sequence[Cells], values: Sequence[Any], spec: StrategySpec | None, seen: _Texts
) -> tuple[str | None, list[Wrong]]:
    """Of the cells of one row: an empty one is None where its spec declares the parameter."""
    given: dict[str, Any] = {}
    for cell, value in zip(cells, values, strict=True):
        declared = _declares(spec, cell.name)
        if value is None and not declared:
            continue
        reads = cell.meant and isinstance(value, str) and (cell.quoted or not declared)
        given[cell.name] = cell.meant.get(value.strip(), value) if reads and cell.meant else value
    return _set(given, spec, seen)


def _declares(spec: StrategySpec | None, name: str) -> bool:
    return spec is not None and spec.param(name) is not None


def _set(
    given: Mapping[Any, Any], spec: StrategySpec | None, seen: _Texts
) -> tuple[str | None, list[Wrong]]:
    bad = [name for name in given if not (isinstance(name, str) and is_param_name(name))]
    if bad:
        near = as_param_name(str(bad[0]))
        return None, [("", f"{bad[0]!r} {NO_NAME}", f"rename it in params: {near}")]
    values, unread = read_set(given, spec)
    if unread:
        return None, [(u.name, u.message, u.remedy) for u in unread]
    if not values:
        return None, [("", _EMPTY, _FLAT)]
    seen.look_at(values, spec)
    return canonical_params(values), []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    if len(names) < len(pairs):
        twice = names.most_common(1)[0][0]
        raise InvalidTrialError(f"parameter {twice} is given twice", field="params")
    return dict(pairs)
