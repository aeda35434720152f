"""A trial as text, for embedders that read text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.domain.regime import Regime


def document_text(trial: Mapping[str, Any], before: Regime | None, during: Regime | None) -> str:
    """What a reader would say of a trial, one line per fact, unknown facts left out.

    Args:
        trial: canonical columns; `params` as canonical JSON text.
        before: the in-sample regime.
        during: the out-of-sample regime.
    """
    facts = [
        f"strategy {trial['strategy_name']} with parameters {trial['params']}",
        _market(trial),
        _regime("market before", before),
        _regime("market during", during),
        _metrics("in-sample", trial, "is"),
        _metrics("out-of-sample", trial, "oos"),
    ]
    return "\n".join(fact for fact in facts if fact)


def query_text(strategy_name: str, regime: Regime) -> str:
    """The query's counterpart of `document_text`."""
    return "\n".join((f"strategy {strategy_name}", _regime("market before", regime)))


def _market(trial: Mapping[str, Any]) -> str:
    parts = [str(trial[k]) for k in ("symbol", "timeframe") if trial.get(k)]
    return f"market {' '.join(parts)}" if parts else ""


def _regime(label: str, regime: Regime | None) -> str:
    if regime is None:
        return ""
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in regime.features.items())
    return f"{label}: {', '.join(regime.tags) or 'no tag'}; {numbers}"


def _metrics(label: str, trial: Mapping[str, Any], sample: str) -> str:
    known = {
        name: trial.get(f"{name}_{sample}")
        for name in ("sharpe", "return_frac", "max_drawdown_frac", "n_trades")
    }
    numbers = ", ".join(f"{k} {v:.3g}" for k, v in known.items() if v is not None)
    return f"{label}: {numbers}" if numbers else ""
