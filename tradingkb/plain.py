"""The one writer of JSON forms: what answers, reports, events and commands turn into.

JSON knows no times, infinity, NaN, frames or tuples. Times become texts of one form and length,
2026-11-28T04:20:54.138452Z, so that they sort as texts; what is not finite becomes null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import Part, Regime

#: Columns of frames that hold JSON text. Any other text is what somebody wrote, "[1]" included.
STRUCTURES: Final = frozenset(
    {
        "params",
        "defaults",
        "counts",
        "facts",
        "reasons",
        "warnings",
        "repaired_params",
        "filter_rejections",
        "relaxations",
        "regime_tags",
        "regime_is",
        "regime_oos",
        "timings",
        "weights",
        "regime",
        "filters",
        "question",
        "arguments",
        "result",
    }
)
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"


def plain(value: Any) -> Any:
    """A value as JSON has it, all the way down."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Regime):
        value = {**value.to_dict(), "start": value.start, "end": value.end}
    if isinstance(value, Mapping):
        facts = vars(value) if isinstance(value, Part) else value
        return dict(zip(map(str, facts), map(plain, facts.values()), strict=True))
    if isinstance(value, list | tuple | set | frozenset):
        return list(map(plain, value))
    if isinstance(value, pl.DataFrame):
        return plain_rows(value)
    if isinstance(value, datetime):
        return time_text(value)
    return str(value) if isinstance(value, date | Path) else value


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A frame as a list of rows."""
    times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
    rows = frame.with_columns(pl.col(c).dt.strftime(_TIME) for c in times).to_dicts()
    return list(map(plain, rows))


def time_text(moment: datetime) -> str:
    """An aware time as text, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
