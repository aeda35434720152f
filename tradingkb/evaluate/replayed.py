"""Replayed decisions as one frame: a row per decision and method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import Objective
from tradingkb.evaluate.decisions import quarter_names
from tradingkb.evaluate.hindsight import beats
from tradingkb.evaluate.replay import Replayed

SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "decision": pl.Int64,
    "strategy": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "window_key": pl.String,
    "as_of": pl.Datetime("us", "UTC"),
    "quarter": pl.String,
    "method": pl.String,
    "chosen": pl.Boolean,
    "exact": pl.Boolean,
    "regret": pl.Float64,
    "rank": pl.Float64,
    "objective": pl.Float64,
    "return_frac": pl.Float64,
    "beats_defaults": pl.Float64,
    "is_defaults": pl.Boolean,
    "status": pl.String,
    "relaxed": pl.Boolean,
    "params": pl.String,
    "expected": pl.Float64,
    "window_low": pl.Float64,
    "window_high": pl.Float64,
    "n_windows": pl.Int64,
}


def decision_frame(replayed: Iterable[Replayed], objective: Objective) -> pl.DataFrame:
    """One row per decision and method.

    Columns: decision (number), strategy, symbol, timeframe, window_key, as_of, quarter, method,
    chosen (a set was chosen and a result found), exact (the result is the chosen set's own, not the
    nearest tested one's), regret (0 best, 1 worst), rank (share of sets beaten), objective (its own
    direction), return_frac, beats_defaults (1, 0.5 for a tie, 0; null where the choice *is* the
    defaults, or where these were not tried on the window), is_defaults, status and relaxed of the
    recommender's answer, params (what was chosen), and for the recommender alone its expectation.
    """
    rows: list[dict[str, Any]] = []
    for k, one in enumerate(replayed):
        shared = _shared(k, one)
        for method in one.outcomes:
            rows.append(
                {**shared, "method": method, **_earned(one, method, objective.sign)}
                | (_expectation(one.facts) if method == "tradingkb" else {})
            )
    return pl.DataFrame(rows, schema=SCHEMA)


def _shared(k: int, one: Replayed) -> dict[str, Any]:
    d = one.decision
    quarter = quarter_names(np.array([d.quarter]))[0]
    return {
        "decision": k,
        "strategy": d.strategy_name,
        "symbol": d.symbol,
        "timeframe": d.timeframe,
        "window_key": d.window_key,
        "as_of": d.as_of,
        "quarter": quarter,
        "status": one.facts["status"],
        "relaxed": one.facts["relaxed"],
    }


def _earned(one: Replayed, method: str, sign: float) -> dict[str, Any]:
    outcome, defaults = one.outcomes[method], one.outcomes.get("defaults")
    params = one.chosen.get(method)
    if outcome is None:
        return {"chosen": False, "params": params}
    same = params is not None and params == one.chosen.get("defaults")
    won = float("nan")
    if defaults is not None and defaults.exact and not same:
        won = beats(outcome.utility, defaults.utility)
    return {
        "chosen": True,
        "exact": outcome.exact,
        "regret": outcome.regret,
        "rank": outcome.rank,
        "objective": sign * outcome.utility,
        "return_frac": _known(outcome.returns),
        "beats_defaults": _known(won),
        "is_defaults": same,
        "params": params,
    }


def _expectation(facts: Any) -> dict[str, Any]:
    names = ("expected", "window_low", "window_high", "n_windows")
    return {name: facts[name] for name in names}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
