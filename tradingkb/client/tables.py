"""Frames over HTTP: the same columns, types and texts on both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from tradingkb.plain import COLUMN_TYPES, JSON_COLUMN, STRUCTURES

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%f%z"


def with_same_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with structures written one way, whoever wrote them into the store."""
    texts = [c for c in frame.columns if c in STRUCTURES and frame.schema[c] == pl.String]
    if not texts:
        return frame
    return frame.with_columns(
        pl.Series(c, [None if v is None else _text(json.loads(v)) for v in frame[c]], pl.String)
        for c in texts
    )


def frame_of(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The frame whose columns and rows a service sent.

    Args:
        columns: names of types by names of columns, as `tradingkb.plain.columns_of` gives them.
        rows: as of `tradingkb.plain.plain_rows`.

    Raises:
        KeyError, ValueError, TypeError: they do not fit each other.
    """
    return pl.DataFrame([_column(name, kind, rows) for name, kind in columns.items()])


def _column(name: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> pl.Series:
    values = [row[name] for row in rows]
    if kind == JSON_COLUMN:
        return pl.Series(name, [None if v is None else _text(v) for v in values], pl.String)
    return pl.Series(name, _read(kind, values), COLUMN_TYPES[kind])


def _read(kind: str, values: list[Any]) -> list[Any]:
    """Values that JSON has no form for, as they were."""
    if kind == "time":
        return [None if v is None else datetime.strptime(v, _TIME) for v in values]
    if kind == "date":
        return [None if v is None else date.fromisoformat(v) for v in values]
    return values


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
