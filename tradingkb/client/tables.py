"""Frames over HTTP: the same columns, types and texts on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from tradingkb.masking import without_machines
from tradingkb.plain import COLUMN_TYPES, JSON_COLUMN, STRUCTURES

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%f%z"


def with_same_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with structures written one way, whoever wrote them into the store."""
    texts = [c for c in frame.columns if c in STRUCTURES and frame.schema[c] == pl.String]
    if not texts:
        return frame
    return frame.with_columns(_texts(c, map(_loaded, frame[c])) for c in texts)


def without_machines_in(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with no path, host or account in any of its texts."""
    texts = [c for c in frame.columns if frame.schema[c] == pl.String]
    read = {c: map(_loaded, frame[c]) if c in STRUCTURES else frame[c] for c in texts}
    return frame.with_columns(
        _texts(c, map(without_machines, values))
        if c in STRUCTURES
        else pl.Series(c, list(map(without_machines, values)), pl.String)
        for c, values in read.items()
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
        return _texts(name, values)
    return pl.Series(name, _read(kind, values), COLUMN_TYPES[kind])


def _read(kind: str, values: list[Any]) -> list[Any]:
    """Values that JSON has no form for, as they were."""
    if kind == "time":
        return [None if v is None else datetime.strptime(v, _TIME) for v in values]
    if kind == "date":
        return [None if v is None else date.fromisoformat(v) for v in values]
    return values


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _texts(name: str, values: Iterable[Any]) -> pl.Series:
    return pl.Series(name, [None if v is None else _text(v) for v in values], pl.String)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
