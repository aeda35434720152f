"""Sweeps over parameters that have a known best, and answers without what moves."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import polars as pl

import tradingkb as tkb
from tests.small_store import regime

STRATEGIES = (
    "bb_reversal",
    "donchian_breakout",
    "keltner_breakout",
    "macd_trend",
    "rsi_reversion",
    "sma_cross",
)


def grid(n_windows: int = 12, best: int = 20, **columns: Any) -> pl.DataFrame:
    """A sweep of five values of `fast` over windows; `best` scores highest in each."""
    rows = []
    for w in range(n_windows):
        start = datetime(2015, 1, 1) + timedelta(days=91 * w)
        for fast in (5, 10, 20, 30, 40):
            rows.append(
                {
                    "source_id": f"w{w}:{fast}",
                    "strategy_name": "s",
                    "symbol": "X",
                    "timeframe": "1d",
                    "params": json.dumps({"fast": fast, "slow": 50}),
                    "is_start": start - timedelta(days=365),
                    "is_end": start,
                    "oos_start": start,
                    "oos_end": start + timedelta(days=90),
                    "sharpe_is": 1.0 - abs(fast - best) / 50,
                    "n_trades_is": 40,
                    "sharpe_oos": 1.0 - abs(fast - best) / 50 + 0.01 * (w % 3),
                    "max_drawdown_frac_oos": 0.1,
                    "n_trades_oos": 20,
                }
            )
    frame = pl.DataFrame(rows)
    return frame.with_columns(pl.lit(v).alias(k) for k, v in columns.items())


def spec(**changes: Any) -> tkb.StrategySpec:
    params = (
        tkb.ParamSpec("fast", "int", low=2, high=60, default=10),
        tkb.ParamSpec("slow", "int", low=10, high=200, default=50),
    )
    return tkb.StrategySpec("s", params, constraints=("fast < slow",), **changes)


def by_volatility(n_windows: int = 24, symbol: str = "AAA") -> pl.DataFrame:
    """fast=5 earns in lively windows, fast=20 in calm ones; windows alternate."""
    rows = []
    for w in range(n_windows):
        start = datetime(2008, 1, 1) + timedelta(days=182 * w)
        lively = w % 2 == 0
        found = regime(0.8 if lively else 0.1, ("high_volatility",) if lively else ())
        for fast in (5, 10, 20):
            good = (fast == 5) == lively and fast != 10
            rows.append(
                {
                    "source_id": f"{symbol}{w}:{fast}",
                    "strategy_name": "s",
                    "symbol": symbol,
                    "timeframe": "1d",
                    "params": json.dumps({"fast": fast}),
                    "oos_start": start,
                    "oos_end": start + timedelta(days=180),
                    "is_start": start - timedelta(days=365),
                    "is_end": start,
                    "sharpe_is": 1.0,
                    "sharpe_oos": 2.0 if good else 0.0 if fast == 10 else -1.0,
                    "max_drawdown_frac_oos": 0.1,
                    "n_trades_oos": 20,
                    "n_trades_is": 40,
                    "regime_is": found,
                    "regime_oos": found,
                }
            )
    return pl.DataFrame(rows)


def plain(answer: tkb.Recommendation) -> dict[str, Any]:
    """What must not depend on the machine, the time or the order of the input."""
    moving = ("request_id", "at", "timings")
    return {k: v for k, v in answer.to_dict().items() if k not in moving}
