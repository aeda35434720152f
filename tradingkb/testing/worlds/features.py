"""Regimes whose sixteen features are drawn, each of a normal quantity that stands behind it."""

from __future__ import annotations

import json
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import FEATURE_INFO, FEATURES, Regime

Floats = NDArray[np.float64]
#: The feature of which the sign decides in worlds where a regime does.
DECIDES: Final = FEATURES.index("trend_direction")


def persistent(
    rng: np.random.Generator, n: int, correlation: float, shape: tuple[int, ...]
) -> Floats:
    """Series of variance one that remember themselves, shape (n, *shape).

    Args:
        rng: draws them.
        n: moments.
        correlation: of a moment with the one before.
        shape: series, independent of each other.
    """
    series = rng.normal(size=(n, *shape))
    news = math.sqrt(1.0 - correlation**2)
    for t in range(1, n):
        series[t] = correlation * series[t - 1] + news * series[t]
    return series


def regime(drawn: Floats) -> Regime:
    """The measured regime of sixteen normal quantities: each feature grows with its own.

    No tags: features that are drawn apart from each other fire some that contradict each other.
    """
    values = {
        name: _value(name, 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))))
        for name, z in zip(FEATURES, drawn, strict=True)
    }
    return Regime(features=values)


def texts(drawn: Floats) -> NDArray[np.object_]:
    """What a store keeps of the regimes of normal quantities, shape (..., 16) to (...)."""
    shape = drawn.shape[:-1]
    found = np.empty(math.prod(shape), dtype=object)
    for place, one in enumerate(drawn.reshape(-1, drawn.shape[-1])):
        found[place] = json.dumps(regime(one).to_dict())
    return found.reshape(shape)


def _value(name: str, share: float) -> float:
    """The value below which a feature is in this share of moments."""
    info = FEATURE_INFO[name]
    if info.log_scaled:  # from half to twice a usual value, such as a volatility of 0.2 a year
        usual = 0.2 if info.unit.startswith("fraction") else 1.0
        return float(usual * 2.0 ** (2.0 * share - 1.0))
    low, high = max(info.low, -3.0), min(info.high, 100.0 if info.low == 0.0 else 3.0)
    return low + (high - low) * share
