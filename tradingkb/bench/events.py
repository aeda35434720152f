"""Made-up recommend events of thirty days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from tradingkb.bench.data import SEED, STRATEGIES, strategies

#: For how many days they go on.
DAYS: Final = 30
#: Events that are saved at once.
_BATCH: Final = 2_000
_STATUSES: Final = ("ok", "degraded", "none")
_SOURCES: Final = ("python", "http", "dashboard", "probe")
_REPLICAS: Final = ("replica-a", "replica-b")
_FILTERS: Final = ("require_oos", "max_drawdown", "min_trades", "max_overfit_gap")


def make_events(workspace_id: str, count: int, start: datetime) -> Iterator[list[dict[str, Any]]]:
    """That many events at even distances from a time on, some thousand at once, oldest first."""
    rng = np.random.default_rng([SEED, 4])
    names = [one.spec.name for one in strategies(STRATEGIES)]
    step = timedelta(days=DAYS) / count
    for first in range(0, count, _BATCH):
        n = min(_BATCH, count - first)
        drawn = {
            "strategy": rng.integers(len(names), size=n),
            "status": rng.choice(len(_STATUSES), size=n, p=(0.8, 0.15, 0.05)),
            "source": rng.choice(len(_SOURCES), size=n, p=(0.3, 0.5, 0.1, 0.1)),
            "replica": rng.integers(len(_REPLICAS), size=n),
            "took": rng.lognormal(2.0, 0.8, size=n),
            "fails": rng.integers(0, 50, size=(n, len(_FILTERS))),
        }
        rows = {name: values.tolist() for name, values in drawn.items()}
        yield [
            _event(
                request_id=f"{first + i}",
                at=start + (first + i) * step,
                workspace_id=workspace_id,
                strategy_name=names[rows["strategy"][i]],
                status=_STATUSES[rows["status"][i]],
                source=_SOURCES[rows["source"][i]],
                replica=_REPLICAS[rows["replica"][i]],
                timings={"total_ms": rows["took"][i]},
                filter_rejections=[
                    _rejection(name, fails)
                    for name, fails in zip(_FILTERS, rows["fails"][i], strict=True)
                ],
            )
            for i in range(n)
        ]


def _rejection(name: str, fails: int) -> dict[str, Any]:
    return {"filter": name, "value": 5, "fails": fails, "fails_only": fails // 5, "unknown": 0}


def _event(**changes: Any) -> dict[str, Any]:
    """One answer, as long as answers are."""
    return {
        "objective_type": "sharpe",
        "confidence": 0.61,
        "confidence_band": "medium",
        "reasons": [],
        "warnings": ["uncalibrated"],
        "after_strict": 120,
        "after_relaxed": 300,
        "windows_used": 50,
        "strict_to_relaxed": False,
        "metadata_only": False,
        "repaired_params": {},
        "relaxations": [],
        "regime_tags": ["uptrend"],
        "params": {"fast": 10, "slow": 100, "allow_short": 0},
        "embed_model": "regime-v1",
        "collection": "kb_regime_v1_v1",
        "weights": {},
        "symbol": "SYM01",
        "timeframe": "1d",
        "as_of": None,
        "strategy_version": "1",
        "market_kind": "measured",
        "regime": {"tags": ["uptrend"], "features": {"volatility_annual": 0.25}},
        "filters": {"max_drawdown": 0.25, "max_overfit_gap": 0.3, "min_trades": 5},
        "question": {"overrides": {}, "own_trades": None},
        "params_tested": True,
        "expected": 0.5,
        "expected_low": 0.1,
        "expected_high": 0.9,
        "expected_unit": "annualised",
        "baseline_expected": 0.4,
        "defaults_expected": 0.3,
        "schema_version": 1,
        **changes,
    }
