"""Intervals of means by resampling clusters: windows of one date or symbol share their luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; NaN bounds where there are fewer than two clusters."""

    mean: float
    low: float
    high: float
    n: int
    n_clusters: int


def cluster_interval(
    values: Floats,
    cluster: Ints,
    rng: np.random.Generator,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean over decisions and its percentile interval over resampled clusters.

    Args:
        values: shape (n,), NaN is left out.
        cluster: shape (n,), any integers: decisions of one cluster are drawn together.
        rng: where the draws come from.
        level: of the interval.
        resamples: how many draws.
    """
    known = np.isfinite(values)
    values, (labels, place) = values[known], np.unique(cluster[known], return_inverse=True)
    k = len(labels)
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    mean = float(values.mean())
    if k < 2:
        return Interval(mean, np.nan, np.nan, len(values), k)
    total, count = np.bincount(place, values), np.bincount(place)
    drawn = rng.multinomial(k, np.full(k, 1.0 / k), size=resamples)
    means = (drawn @ total) / (drawn @ count)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), len(values), k)
