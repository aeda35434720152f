"""The canonical trial columns: kind, bounds and meaning of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from tradingkb.domain import EXPERIMENT_TYPES, MAX_PROFIT_FACTOR, STATUSES, objectives

#: Names the row of the source in every frame of the importer; 1-based.
ROW: Final = "__row__"

#: An infinite value is taken as missing.
MISSING: Final = math.nan

Kind = Literal["text", "number", "count", "time", "params", "regime"]


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes:
        name: its name.
        kind: how values are read.
        low, high: inclusive bounds of a number.
        longest: of a text, in characters: what the store's column holds.
        allowed: the allowed texts.
        default: what a missing value becomes.
        undefined: what an infinite value becomes, because a tool writes it where a metric is
            undefined: `MISSING`, or a number; None refuses it.
        remedy: what to do about a value that is out of bounds or not allowed.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    longest: int = 64
    allowed: tuple[str, ...] = ()
    default: str | None = None
    undefined: float | None = None
    remedy: str = ""


_DRAWDOWN = "give drawdowns as positive fractions of equity: 25 % is 0.25"
_SHARE = "give a fraction between 0 and 1: 55 % is 0.55"
_METRICS: Final[tuple[tuple[str, Kind, float | None, float | None, str], ...]] = (
    ("sharpe", "number", None, None, ""),
    ("return_frac", "number", None, None, ""),
    ("max_drawdown_frac", "number", 0.0, 1.0, _DRAWDOWN),
    # The upper bound is what a 32-bit integer column holds.
    ("n_trades", "count", 0.0, 2.0**31 - 1, "give a whole number, 0 or more"),
    ("win_rate", "number", 0.0, 1.0, _SHARE),
    ("profit_factor", "number", 0.0, None, "gross profit over gross loss, 0 or more"),
)

COLUMNS: Final[dict[str, Column]] = {
    c.name: c
    for c in (
        Column("source_type", "text", default="import"),
        Column("source_id", "text", longest=255),
        Column(
            "experiment_type",
            "text",
            allowed=EXPERIMENT_TYPES,
            default="tune",
            remedy=f"use one of {', '.join(EXPERIMENT_TYPES)}",
        ),
        Column("strategy_name", "text", longest=128),
        Column("strategy_version", "text"),
        Column("params", "params"),
        Column(
            "objective_type",
            "text",
            allowed=tuple(o.name for o in objectives()),
            default="sharpe",
            remedy=f"use one of {', '.join(o.name for o in objectives())}",
        ),
        Column("objective_score", "number", undefined=MISSING),
        Column(
            "objective_sample",
            "text",
            allowed=("is", "oos"),
            remedy="use is (in-sample) or oos (out-of-sample), or leave it out",
        ),
        Column("symbol", "text"),
        Column("timeframe", "text", longest=16),
        Column("is_start", "time"),
        Column("is_end", "time"),
        Column("oos_start", "time"),
        Column("oos_end", "time"),
        Column("known_at", "time"),
        *(
            Column(
                f"{name}_{sample}",
                kind,
                low,
                high,
                undefined=MAX_PROFIT_FACTOR if name == "profit_factor" else MISSING,
                remedy=remedy,
            )
            for name, kind, low, high, remedy in _METRICS
            for sample in ("is", "oos")
        ),
        Column("regime_is", "regime"),
        Column("regime_oos", "regime"),
        Column("engine", "text"),
        Column("cost_bps", "number", low=0.0, remedy="basis points per side, 0 or more"),
        Column(
            "kb_status",
            "text",
            allowed=STATUSES,
            default="candidate",
            remedy=f"use one of {', '.join(STATUSES)}",
        ),
        Column("created_at", "time"),
    )
}

INFINITE_REMEDY: Final = "use null where a metric is undefined"
#: Metrics as numbers, in the order in which they are hashed.
NUMBERS: Final = tuple(c.name for c in COLUMNS.values() if c.kind in ("number", "count"))
TIMES: Final = tuple(c.name for c in COLUMNS.values() if c.kind == "time")
WINDOW: Final = ("symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end")
