"""Refused rows: a table of problems for the report, and a file to be corrected and ingested."""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import canonical_params
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import ROW

REJECTS_SCHEMA: Final = {
    "row": pl.UInt32,
    "field": pl.String,
    "message": pl.String,
    "remedy": pl.String,
    "values": pl.String,
}
#: What a rejects file adds to the user's columns, and an ingest does not look at. The last one
#: says what parameter columns hold: CSV does not tell "5" from 5, nor one bad cell from a text.
MARKS: Final = (
    "_rejected_row",
    "_rejected_field",
    "_rejected_message",
    "_rejected_remedy",
    "_rejected_types",
)


def rejects_table(problems: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """One row per problem: row, field, message, remedy, and the row's values as JSON."""
    if problems.is_empty():
        return pl.DataFrame(schema=REJECTS_SCHEMA)
    bad = raw.filter(np.isin(raw[ROW].to_numpy(), problems[ROW].to_numpy()))
    rows = [_as_json(row) for row in bad.drop(ROW).to_dicts()]
    values = pl.DataFrame({ROW: bad[ROW].cast(pl.UInt32), "values": rows})
    return problems.join(values, on=ROW, how="left", maintain_order="left").rename({ROW: "row"})


def refused_rows(
    problems: pl.DataFrame, original: pl.DataFrame, kinds: Mapping[str, str]
) -> pl.DataFrame:
    """One row per refused row of the source: what is wrong, then the user's columns as they were.

    Args:
        problems: row, field, message, remedy; several per row.
        original: the user's table.
        kinds: "number", "boolean", "text" or "json" by column of it, see `Cells.kind`.
    """
    joined = [pl.col(name).str.join(" | ") for name in ("field", "message", "remedy")]
    bad = problems.group_by(ROW).agg(joined).sort(ROW)
    rows = original[(bad[ROW].cast(pl.Int64) - 1).to_list()]
    marks = [bad[name].alias(mark) for name, mark in zip(bad.columns, MARKS, strict=False)]
    types = pl.Series(MARKS[-1], [json.dumps(dict(kinds))] * bad.height, dtype=pl.String)
    return pl.DataFrame([*marks, types, *(_for_csv(c, kinds.get(c.name, "")) for c in rows)])


def without_marks(frame: pl.DataFrame) -> pl.DataFrame:
    """A table without what a rejects file added to it."""
    return frame.drop(MARKS, strict=False)


def kinds_in(frame: pl.DataFrame) -> dict[str, str]:
    """What a rejects file says about its columns; nothing for any other table."""
    if MARKS[-1] not in frame.columns:
        return {}
    return _kinds(frame[MARKS[-1]].drop_nulls().first())


def text_columns(path: Path) -> set[str]:
    """The columns that a rejects file says are texts; none for any other CSV file."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            first = next(csv.DictReader(file), None) or {}
        except csv.Error:
            return set()
    return {name for name, kind in _kinds(first.get(MARKS[-1])).items() if is_text(kind)}


def is_text(kind: str) -> bool:
    """Whether a rejects file says of a column that its cells are texts, or JSON."""
    return kind.startswith(("text", "json"))


def _kinds(text: Any) -> dict[str, str]:
    try:
        return {str(name): str(kind) for name, kind in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):  # missing, or edited by hand
        return {}


def _as_json(row: Mapping[str, Any]) -> str:
    """A row as JSON, which has no NaN and no infinity: they are written as texts."""
    plain = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(plain, default=str)


def _for_csv(column: pl.Series, what: str) -> pl.Series:
    """A column as the importer reads it from CSV: structures as JSON, times in ISO 8601.

    Parameters of several types are JSON, too: CSV does not tell "5" from 5.
    """
    kind = column.dtype
    if what.startswith("json"):
        texts = [None if v is None else json.dumps(v, default=str) for v in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if kind.time_zone else ""))
    if not (kind.is_nested() or kind in (pl.Object, pl.Binary, pl.Duration)):
        return column
    nulls = kind == pl.Object or what == "struct"
    values = [None if v is None else _text(v, nulls) for v in column.to_list()]
    return pl.Series(column.name, values, dtype=pl.String)


def _text(value: Any, nulls: bool) -> str:
    """JSON of a structure; `nulls` tells whether a null in it is a value or a missing field."""
    if isinstance(value, Mapping):
        given = {k: v for k, v in value.items() if nulls or v is not None}
        with contextlib.suppress(InvalidTrialError):  # what is wrong with it stays visible
            return canonical_params(given)
        return json.dumps(given, default=str)
    return json.dumps(value, default=str) if isinstance(value, list | tuple) else str(value)
