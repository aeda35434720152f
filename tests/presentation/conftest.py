from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradingkb.domain.regime import Regime
from tradingkb.recommend.answer.recommendation import Recommendation

Answer = dict[str, Any]
START = datetime(2004, 1, 2, tzinfo=UTC)
PARAMS = {"fast": 20, "slow": 100, "stop_frac": 0.05}
TAGS = (["trending", "uptrend"], ["choppy", "low_volatility"], ["ranging", "volatility_expanding"])


def evidence_frame(n: int = 156) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    symbols = np.array(["AAPL", "IBM", "MSFT", "GOOG"])[np.arange(n) % 4]
    starts = [START + timedelta(days=90 * (i // 4)) for i in range(n)]
    distance = rng.gamma(6.0, 0.22, n)
    return pl.DataFrame(
        {
            "window_key": [f"{s}|1d|{t:%Y-%m-%d}" for s, t in zip(symbols, starts, strict=True)],
            "symbol": symbols,
            "timeframe": ["1d"] * n,
            "start": starts,
            "end": [t + timedelta(days=90) for t in starts],
            "objective": rng.normal(0.6, 1.5, n) + 0.5 * (distance < 1),
            "rank_in_window": rng.uniform(0.02, 0.98, n),
            "own": symbols == "AAPL",
            "regime_distance": distance,
            "weight": np.exp(-0.5 * (distance / 0.75) ** 2),
            "tags": [TAGS[i % 3] for i in range(n)],
        }
    )


def trials_frame(n: int = 20, *, relaxed: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    starts = [START + timedelta(days=30 * i) for i in range(n)]
    return pl.DataFrame(
        {
            "rank": np.arange(1, n + 1),
            "source_id": [f"wf-{i:05d}" for i in range(n)],
            "score": np.sort(rng.uniform(0.3, 0.9, n))[::-1],
            "objective": rng.normal(0.9, 0.5, n),
            "similarity": np.sort(rng.uniform(0.6, 0.99, n))[::-1],
            "regime_distance": np.sort(rng.uniform(0.2, 1.6, n)),
            "tags": [TAGS[i % 3] for i in range(n)],
            "kb_status": ["promoted" if i == 0 else "candidate" for i in range(n)],
            "relaxed": [relaxed and i % 2 == 1 for i in range(n)],
            "tie_break": ["score" if i % 3 else "created_at" for i in range(n)],
            "chosen": [i == 0 for i in range(n)],
            "params": [json.dumps({**PARAMS, "fast": 10 + i}) for i in range(n)],
            "symbol": ["AAPL"] * n,
            "timeframe": ["1d"] * n,
            "is_start": starts,
            "is_end": [t + timedelta(days=365) for t in starts],
            "oos_start": [t + timedelta(days=365) for t in starts],
            "oos_end": [t + timedelta(days=455) for t in starts],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )


def expectation(value: float, half: float, n: int = 156, own: int = 39) -> dict[str, Any]:
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "window_low": value - 1.9,
        "window_high": value + 2.2,
        "n_windows": n,
        "n_quarters": n // 4,
        "own_windows": own,
        "level": 0.9,
        "from_neighbours": False,
    }


def measured() -> Regime:
    return Regime.measured(
        {
            "trend_strength": 0.74,
            "trend_direction": 0.74,
            "drift": 1.6,
            "efficiency_ratio_20": 0.27,
            "volatility_annual": 0.13,
            "rsi": 61.0,
        },
        symbol="AAPL",
        timeframe="1d",
        bars=252,
        start=datetime(2012, 1, 3, tzinfo=UTC),
        end=datetime(2012, 12, 31, tzinfo=UTC),
    )


BASE: dict[str, Any] = {
    "request_id": "6f1f6c1e-0000-4000-8000-000000000000",
    "at": datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC),
    "workspace": "default",
    "strategy_name": "sma_cross",
    "objective_type": "sharpe",
    "status": "ok",
    "params": PARAMS,
    "expected": {**expectation(0.84, 0.33), "unit": "annualised", "direction": "max"},
    "reasons": [],
    "warnings": ["uncalibrated"],
    "suggested_actions": [],
    "after_strict": 1240,
    "after_relaxed": 2210,
    "strict_to_relaxed": False,
    "metadata_only": False,
    "repaired_params": {},
    "params_tested": True,
    "windows_used": 156,
    "spreads": {
        "fast": {"min": 10, "median": 20.0, "max": 30, "n": 10},
        "slow": {"min": 80, "median": 100.0, "max": 200, "n": 10},
        "stop_frac": {"min": 0.05, "median": 0.05, "max": 0.05, "n": 10},
    },
    "filter_rejections": [
        {"filter": "require_oos", "value": True, "fails": 0, "fails_only": 0, "unknown": 0},
        {"filter": "max_drawdown", "value": 0.25, "fails": 311, "fails_only": 180, "unknown": 0},
    ],
    "recommended_relaxed_settings": [],
    "baseline": {
        "regime_agnostic": {"params": {**PARAMS, "fast": 10}, "expected": expectation(0.71, 0.28)},
        "defaults": {
            "params": {"fast": 50, "slow": 200, "stop_frac": 0.1},
            "expected": expectation(0.38, 0.41),
        },
    },
    "collection": "kb_regime_v1_v1",
    "embed_model": "regime-v1",
    "timings": {"total_ms": 41.7},
    "symbol": "AAPL",
    "timeframe": "1d",
}

REJECTED = [
    {"filter": "require_oos", "value": True, "fails": 12, "fails_only": 0, "unknown": 0},
    {"filter": "max_drawdown", "value": 0.25, "fails": 57, "fails_only": 22, "unknown": 3},
    {"filter": "min_trades", "value": 5, "fails": 41, "fails_only": 6, "unknown": 0},
    {"filter": "max_overfit_gap", "value": 0.3, "fails": 38, "fails_only": 4, "unknown": 0},
]
RELAXED = [
    {
        "filter": "max_drawdown",
        "current": 0.25,
        "suggested": 0.30987654,
        "candidates": 12,
        "windows": 4,
        "sufficient": True,
        "risk": "nominates parameters that lost more on the way",
    },
    {
        "filter": "min_trades",
        "current": 5,
        "suggested": None,
        "candidates": 6,
        "windows": 2,
        "sufficient": False,
        "risk": "fewer trades: the score may be luck",
    },
]


def build(**changes: Any) -> Answer:
    given = {"trials": trials_frame(), "evidence": evidence_frame(), "regime": measured()}
    return Recommendation(**{**BASE, **given, **changes}).to_dict()


@pytest.fixture(scope="session")
def make() -> Callable[..., Answer]:
    return build


@pytest.fixture
def ok() -> Answer:
    return build()


@pytest.fixture
def degraded() -> Answer:
    return build_degraded()


def build_degraded() -> Answer:
    expected = {**expectation(0.41, 0.9, n=8, own=0), "unit": "annualised", "direction": "max"}
    return build(
        status="degraded",
        strategy_name="donchian_breakout",
        regime=Regime.stated(tags=["downtrend", "high_volatility"], symbol="GOOG", timeframe="1d"),
        symbol="GOOG",
        expected=expected,
        evidence=evidence_frame(8).with_columns(own=pl.lit(False)),
        windows_used=8,
        trials=trials_frame(7, relaxed=True),
        reasons=["strict_to_relaxed", "repaired_params"],
        warnings=["uncalibrated", "no_own_history"],
        notes=["relaxing added 5 trials from 3 windows"],
        suggested_actions=["review the filter thresholds, or ingest more trials"],
        after_strict=2,
        after_relaxed=7,
        strict_to_relaxed=True,
        repaired_params={"slow": "97 is not on the step of 10, set to 100"},
        filter_rejections=REJECTED,
        recommended_relaxed_settings=RELAXED,
        baseline={
            "regime_agnostic": {"params": PARAMS, "expected": expectation(0.41, 0.9, n=8, own=0)},
            "defaults": {"params": {"fast": 50, "slow": 200, "stop_frac": 0.1}, "expected": None},
        },
    )


@pytest.fixture
def none() -> Answer:
    return build_none()


def build_none() -> Answer:
    return build(
        status="none",
        params=None,
        expected=None,
        reasons=["no_matches_after_strict_filters", "no_matches_after_relaxed_filters"],
        warnings=["uncalibrated"],
        suggested_actions=["apply one of recommended_relaxed_settings, or ingest more trials"],
        after_strict=0,
        after_relaxed=0,
        params_tested=False,
        trials=trials_frame(20).clear(),
        evidence=evidence_frame(4).clear(),
        windows_used=0,
        spreads={},
        filter_rejections=REJECTED,
        recommended_relaxed_settings=RELAXED,
        baseline=None,
    )


METHODS = {
    "tradingkb": "this recommender",
    "stated": "the same, with hindsight",
    "placebo": "control: another window's regime",
    "average": "best average rank",
    "knn": "nearest windows",
    "random_windows": "control: windows at random",
    "is_best": "best in-sample score",
    "defaults": "declared defaults",
    "oracle": "the best set in hindsight",
}
REGRET = dict(zip(METHODS, (0.40, 0.35, 0.41, 0.42, 0.44, 0.46, 0.43, 0.45, 0.0), strict=True))


def method_dict(method: str) -> dict[str, Any]:
    """A row of the table; intervals reach 0.01 by symbol, 0.03 by date and 0.05 by quarter."""
    row: dict[str, Any] = {
        "method": method,
        "n": 90,
        "regret": REGRET[method],
        "rank": 0.6,
        "objective": 0.5,
        "return_frac": 0.05,
        "beats_defaults": None if method == "defaults" else 0.55,
        "is_defaults": 0.1,
        "exact": 1.0,
        "exact_n": 90,
        "exact_n_symbol": 2,
        "exact_vs_average": REGRET[method] - REGRET["average"],
    }
    for reference in ("average", "defaults", "is_best", "tradingkb", "knn"):
        value = REGRET[method] - REGRET[reference]
        row[f"vs_{reference}"] = value
        for cluster, reach in (("symbol", 0.01), ("as_of", 0.03), ("quarter", 0.05)):
            row[f"vs_{reference}_low_{cluster}"] = value - reach
            row[f"vs_{reference}_high_{cluster}"] = value + reach
    return row


def group_dict(name: str, value: object, n: int) -> dict[str, Any]:
    return {name: value, "n": n, **REGRET, "vs_average": -0.02}


@pytest.fixture
def evaluation() -> dict[str, Any]:
    """`Evaluation.to_dict()` of a small made-up replay, uncalibrated."""
    return {
        "at": "2026-01-02T03:04:05+00:00",
        "workspace": "default",
        "objective": "sharpe",
        "unit": "annualised",
        "request": {
            "objective_type": "sharpe",
            "strategies": None,
            "symbols": ("AAPL", "IBM"),
            "max_decisions": 100,
            "controls": True,
            "seed": 7,
        },
        "weights": {"neutral": 10.0, "few_trades": 0.05},
        "n_decisions": 100,
        "n_common": 90,
        "n_windows": 50,
        "n_symbols": 2,
        "n_clusters": {"symbol": 2, "as_of": 45, "quarter": 40},
        "n_quarters": 40,
        "n_dates": 45,
        "first_as_of": "2010-01-04T00:00:00+00:00",
        "last_as_of": "2019-10-01T00:00:00+00:00",
        "methods": dict(METHODS),
        "impossible": ["stated", "oracle"],
        "table": [method_dict(method) for method in METHODS],
        "groups": {
            "strategy": [group_dict("strategy", "rsi", 40), group_dict("strategy", "sma", 50)],
            "timeframe": [group_dict("timeframe", None, 90)],
            "status": [group_dict("status", "ok", 90)],
            "relaxed": [group_dict("relaxed", True, 9), group_dict("relaxed", False, 81)],
        },
        "coverage": [
            {
                "status": "none",
                "n": 10,
                "share": 0.1,
                "relaxed": 0.0,
                "regret": None,
                "beats_defaults": None,
            },
            {
                "status": "ok",
                "n": 90,
                "share": 0.9,
                "relaxed": 0.1,
                "regret": 0.4,
                "beats_defaults": 0.55,
            },
        ],
        "window_interval": {"n": 80, "inside": 0.75, "below": 0.15, "above": 0.1},
    }


@pytest.fixture
def calibration() -> dict[str, Any]:
    """Scores of a confidence, as an evaluation holds them."""
    return {
        "n": 100,
        "n_quarters": 12,
        "forecast": 0.53,
        "happened": 0.54,
        "low": 0.48,
        "high": 0.6,
        "brier": 0.245,
        "brier_hindsight": 0.248,
    }
