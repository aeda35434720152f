"""A small store with a past to replay: two strategies on three symbols, in half-year windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

import tradingkb as tkb
from tradingkb.domain import IndexTarget, get_objective
from tradingkb.evaluate.decisions import Decision, list_decisions
from tradingkb.evaluate.replay import Replay
from tradingkb.evaluate.replayed import decision_frame

START = datetime(2006, 1, 1)
SYMBOLS = ("AAA", "BBB", "CCC")
#: Every SKIPPED-th (window, set) was not tried, so that some results must be looked up nearby.
SKIPPED = 11
#: What no choice may see: replayed with knowledge that nobody had.
HINDSIGHT = ("stated", "oracle", "random")

SPECS = (
    tkb.StrategySpec(
        "trend",
        (
            tkb.ParamSpec("fast", "int", low=2, high=60, default=5),
            tkb.ParamSpec("short", "int", low=0, high=1, default=1, choices=(0, 1)),
        ),
    ),
    tkb.StrategySpec("revert", (tkb.ParamSpec("n", "int", low=1, high=99, default=5),)),
)
SETS: dict[str, list[dict[str, int]]] = {
    "trend": [{"fast": f, "short": s} for f in (5, 10, 20, 40) for s in (0, 1)],
    "revert": [{"n": n} for n in (2, 5, 10, 50)],
}


def start_of(window: int) -> datetime:
    """When the scored part of a window begins."""
    return START + timedelta(days=182 * window)


def regime(rng: np.random.Generator, up: bool) -> str:
    """A measured regime as JSON: its volatility, and which way the price went."""
    sign = 1.0 if up else -1.0
    features = {
        "volatility_annual": float(np.exp(rng.normal(-1.5, 0.5))),
        "drift": sign * float(rng.uniform(0.2, 1.0)),
        "range_position": float(np.clip(0.5 + 0.3 * sign + rng.normal(0, 0.1), 0, 1)),
    }
    return json.dumps(
        tkb.Regime(features=features, tags=["uptrend" if up else "downtrend"]).to_dict()
    )


def trials(n_windows: int = 12, seed: int = 0, symbols: tuple[str, ...] = SYMBOLS) -> pl.DataFrame:
    """Trials "trend:AAA:0:3", told by strategy, symbol, window and set.

    Sets that are quick earn most in rising markets and slow ones in falling ones; the rest is
    luck. CCC's market was never measured before a window, only in it.
    """
    return pl.DataFrame(
        row
        for k, symbol in enumerate(symbols)
        for w in range(n_windows)
        for row in _rows(symbol, w, np.random.default_rng([seed, k, w]))
    )


def _rows(symbol: str, w: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    start, up = start_of(w), bool(rng.random() < 0.5)
    before = None if symbol == "CCC" else regime(rng, bool(rng.random() < 0.5))
    during = regime(rng, up)
    for name, sets in SETS.items():
        for i, params in enumerate(sets):
            luck = rng.normal(size=2)
            speed = i / (len(sets) - 1)
            if (w * len(sets) + i) % SKIPPED == 0:
                continue
            yield {
                "source_id": f"{name}:{symbol}:{w}:{i}",
                "strategy_name": name,
                "symbol": symbol,
                "timeframe": "1d",
                "params": json.dumps(params),
                "is_start": start - timedelta(days=365),
                "is_end": start,
                "oos_start": start,
                "oos_end": start + timedelta(days=181),
                "regime_is": before,
                "regime_oos": during,
                "sharpe_is": 1 - speed + 0.5 * luck[0],
                "n_trades_is": int(40 - 30 * speed) + w % 3,
                "sharpe_oos": (1 - speed if up else speed) + 0.4 * luck[1],
                "return_frac_oos": 0.1 * luck[1],
                "max_drawdown_frac_oos": 0.1,
                "n_trades_oos": int(12 - 8 * speed),
            }


def fill(kb: tkb.KnowledgeBase, frame: pl.DataFrame) -> tkb.KnowledgeBase:
    """Both specs and these trials."""
    for spec in SPECS:
        kb.register_strategy(spec)
    kb.ingest(frame)
    return kb


def place(kb: tkb.KnowledgeBase) -> IndexTarget:
    """Where the default workspace is indexed."""
    return kb.use_cases.workspaces.named("default")


def replay(kb: tkb.KnowledgeBase, until: datetime, *, seed: int = 0) -> pl.DataFrame:
    """The decisions until a time, replayed with every method; a row per decision and method."""
    objective = get_objective("sharpe")
    job = Replay(kb.use_cases.asking.recommender, place(kb), objective, seed=seed)
    return decision_frame(
        (
            one
            for strategy in SETS
            for one in job.run([d for d in decisions(kb, strategy) if d.as_of <= aware(until)])
        ),
        objective,
    )


def aware(moment: datetime) -> datetime:
    """The same moment with its time zone."""
    return moment.replace(tzinfo=UTC)


def decisions(kb: tkb.KnowledgeBase, strategy: str = "trend") -> list[Decision]:
    """The decisions of one strategy."""
    objective = get_objective("sharpe")
    view = Replay(kb.use_cases.asking.recommender, place(kb), objective).view(strategy)
    return list(list_decisions(view, objective, strategy))
