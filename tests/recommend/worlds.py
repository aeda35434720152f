"""Small worlds of trials, as the pure steps of an answer see them: no store, no file, no ingest.

world = sweep(10, {5: 0.5, 20: 1.5})        # ten windows of AAPL 1d, 20 is better
world.but(fast(20), kb_status="rejected")   # the same, with other values in some trials
world.answer(regime=None)                   # the answer to a question that leaves something out
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tests.small_store import regime
from tradingkb.domain import ParamSpec, StrategySpec
from tradingkb.ports import Calibration
from tradingkb.ranking import Confidence, EvidenceWeights
from tradingkb.recommend import fingerprint
from tradingkb.recommend.known import Calibrated
from tradingkb.testing.worlds import (
    COLUMNS,
    CONFIG,
    MARKET,
    NOW,
    SPACE,
    START,
    TARGET,
    World,
    findings,
    question,
)

__all__ = [
    "COLUMNS",
    "CONFIG",
    "MARKET",
    "NOW",
    "SPACE",
    "START",
    "TARGET",
    "USUAL",
    "World",
    "arrays",
    "calibrated",
    "fast",
    "findings",
    "question",
    "spec",
    "sweep",
    "window",
]


def sweep(
    n_windows: int,
    scores: Mapping[int, float],
    *,
    symbol: str = "AAPL",
    timeframe: str = "1d",
    start: datetime = START,
    days: int = 91,
) -> World:
    """Every set on every window: `{"fast": 5}` scores `scores[5]` out-of-sample, as in-sample.

    Windows follow each other, each a quarter later, with a regime of volatility 0.1, 0.2, ...
    Every trial passes the strict filters.
    """
    rows = []
    for w in range(n_windows):
        begin = start + timedelta(days=days * w)
        for value, score in scores.items():
            end = begin + timedelta(days=90)
            rows.append(
                {
                    "trial_id": len(rows) + 1,
                    "source_type": "import",
                    "source_id": f"{symbol}:{timeframe}:{w:02}:{value:03}",
                    "params": json.dumps({"fast": value}, separators=(",", ":")),
                    "sharpe_is": score,
                    "sharpe_oos": score,
                    "max_drawdown_frac_oos": 0.1,
                    "n_trades_is": 40,
                    "n_trades_oos": 20,
                    "known_at": end,
                    "created_at": end,
                    "kb_status": "candidate",
                    "window_key": f"{symbol}:{timeframe}:{begin:%Y-%m-%d}",
                    "symbol": symbol,
                    "timeframe": timeframe,
                    "is_start": begin - timedelta(days=365),
                    "is_end": begin,
                    "oos_start": begin,
                    "oos_end": end,
                    "regime_is": regime(round(0.1 + 0.1 * (w % 8), 2)),
                    "regime_oos": regime(round(0.1 + 0.1 * (w % 8), 2)),
                }
            )
    return World(pl.DataFrame(rows, schema=COLUMNS))


#: Ten windows of AAPL 1d on which 20 does better than 5: the answer is ok.
USUAL = sweep(10, {5: 0.5, 20: 1.5})


def fast(value: int) -> pl.Expr:
    """The trials of one set."""
    return pl.col("params") == f'{{"fast":{value}}}'


def window(*places: int, symbol: str = "AAPL", timeframe: str = "1d") -> pl.Expr:
    """The trials of the windows with these places in a sweep."""
    starts = [f"{symbol}:{timeframe}:{place:02}:" for place in places]
    named = [pl.col("source_id").str.starts_with(text) for text in starts]
    return pl.any_horizontal(pl.lit(False), *named)


def spec(
    low: int = 2, high: int = 60, default: int | None = 10, version: str = "1", **more: Any
) -> StrategySpec:
    """A spec of the one parameter `fast`."""
    params = (ParamSpec("fast", "int", low=low, high=high, default=default),)
    return StrategySpec("s", params, version=version, **more)


def calibrated(
    value: float = 0.6,
    low: float | None = None,
    *,
    windows: int = 10,
    known_until: datetime = START,
    weights: EvidenceWeights = CONFIG.weights,
    fitted: bool = True,
) -> Calibrated:
    """A calibration that gives everybody the same confidence."""
    below = value - 0.05 if low is None else low
    rate = Confidence(value, below, value + 0.05, n=200, n_quarters=40, level=0.9)
    stored = Calibration(
        objective_type="sharpe",
        fitted_at=NOW,
        known_until=known_until,
        fingerprint=fingerprint(weights),
        n_outcomes=200 if fitted else 7,
        strategies=[{"name": "s", "windows": windows}],
        model=rate.to_dict() if fitted else None,
    )
    return Calibrated(stored, rate if fitted else None)


def arrays(value: Any, seen: set[int] | None = None) -> list[np.ndarray[Any, Any]]:
    """Every array that a value holds, at any depth."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, pl.DataFrame | pl.Series | str) or callable(value):
        return []
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Mapping):
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list | tuple) else list(_fields(value).values())
    return [array for part in parts for array in arrays(part, seen)]


def _fields(value: Any) -> Mapping[str, Any]:
    return getattr(value, "__dict__", {})
