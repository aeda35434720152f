"""JSON lines as a table: values keep their types, and a line that is broken costs itself alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.objects import column_of

#: Lines whose values exist as Python objects at one time.
_BLOCK: Final = 20_000
#: Distinct names of all rows: each is a column, as long as the table, whoever has a value in it.
MOST_COLUMNS: Final = 1_000
#: How much of a broken line a message shows.
_SHOWN: Final = 80

Row = dict[str, Any]
Broken = list[tuple[int, str]]


def read_json_lines(path: Path, mappings: set[str]) -> tuple[pl.DataFrame, Broken]:
    """The table, and what is wrong with lines that are none.

    Args:
        path: a text file with one object per line; empty lines are skipped.
        mappings: columns of mappings that are kept as their JSON text.

    Returns:
        A row per line, and the 1-based rows of broken lines with a message; these rows are empty.

    Raises:
        InvalidTrialError: no line is an object; more than `MOST_COLUMNS` names.
        UnicodeDecodeError: the file is not UTF-8.
    """
    broken: Broken = []
    parts: dict[str, list[pl.Series]] = {}
    height = 0
    with path.open(encoding="utf-8-sig") as file:
        rows = _rows(file, broken)
        while block := list(islice(rows, _BLOCK)):
            for name in _names(block, parts):
                known = parts.setdefault(name, [])
                if missing := height - sum(map(len, known)):
                    known.append(pl.Series(name, [None] * missing, dtype=pl.Null))
                known.append(_column(name, [row.get(name) for row in block], name in mappings))
            height += len(block)
    if len(broken) == height:
        what = broken[0][1] if broken else "it is empty"
        raise InvalidTrialError(
            f"{path.name} cannot be read: {what}",
            field="trials",
            remedy='write one JSON object per line: {"strategy_name": "sma_cross", ...}',
        )
    return pl.DataFrame([_joined(name, known, height) for name, known in parts.items()]), broken


def from_rows(rows: Sequence[Mapping[str, Any]], mappings: set[str]) -> pl.DataFrame:
    """Rows as JSON has them, as a table; a name that a row leaves out is null in it.

    Args:
        rows: one mapping per row.
        mappings: columns of mappings that are kept as their JSON text.

    Raises:
        InvalidTrialError: more than `MOST_COLUMNS` names.
    """
    names = _names(rows)
    return pl.DataFrame(
        [_column(name, [row.get(name) for row in rows], name in mappings) for name in names]
    )


def _names(rows: Sequence[Mapping[str, Any]], known: Collection[str] = ()) -> list[str]:
    """The names of the rows, each once; with those that are known they are not too many."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(map(str, row)))
        if len(names) + len(known) > MOST_COLUMNS and len({*names, *known}) > MOST_COLUMNS:
            raise InvalidTrialError(
                f"the rows have more than {MOST_COLUMNS:,} different columns",
                field="trials",
                remedy='parameters belong into one mapping: {"params": {"fast": 10, "slow": 50}}',
            )
    return list(names)


def _rows(lines: Iterator[str] | Any, broken: Broken) -> Iterator[Row]:
    row = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row += 1
        try:
            found = json.loads(line, object_pairs_hook=_once)
            why = "" if isinstance(found, dict) else f"{type(found).__name__} is no object"
        except (ValueError, RecursionError) as error:
            why = str(error)
        if why:
            broken.append(
                (row, f"line {number} is no JSON object ({why}): {line[:_SHOWN].strip()}")
            )
        yield {} if why else found


def _once(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _column(name: str, values: Sequence[Any], is_mapping: bool) -> pl.Series:
    if is_mapping and any(isinstance(v, dict) for v in values):
        values = [json.dumps(v) if isinstance(v, dict) else v for v in values]
    return column_of(name, values)


def _joined(name: str, parts: list[pl.Series], height: int) -> pl.Series:
    """One column of its blocks; of different types, it holds the values as they are."""
    if missing := height - sum(map(len, parts)):
        parts = [*parts, pl.Series(name, [None] * missing, dtype=pl.Null)]
    kinds: set[Any] = {part.dtype for part in parts} - {pl.Null}
    if not kinds:
        return pl.Series(name, [None] * height, dtype=pl.Null)
    if len(kinds) == 1 and pl.Object not in kinds:
        kind = kinds.pop()
    elif kinds <= {pl.Int64, pl.Float64}:
        kind = pl.Float64
    else:
        values = [value for part in parts for value in part.to_list()]
        return pl.Series(name, values, dtype=pl.Object)
    return pl.concat([part.cast(kind) for part in parts])
