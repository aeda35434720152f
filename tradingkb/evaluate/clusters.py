"""Intervals of means over decisions that share their luck: those of one symbol or date.

The standard error is the cluster-robust one that is corrected for few and unequal clusters (CR3,
that of leaving out one cluster at a time), with Student's t for one degree of freedom less than
there are clusters: Bell and McCaffrey 2002, "Bias reduction in standard errors for linear
regression with multi-stage samples"; MacKinnon, Nielsen and Webb 2023, "Fast and reliable jackknife
and bootstrap methods for cluster-robust inference". Means of clusters that are drawn again cover
.84 instead of .95 with five of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking import t_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL: Final = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; NaN bounds where there are fewer than two clusters."""

    mean: float
    low: float
    high: float
    n: int
    n_clusters: int


def cluster_interval(values: Floats, cluster: Ints, *, level: float = LEVEL) -> Interval:
    """The mean over decisions and its interval, as sure as so many clusters make it.

    Args:
        values: shape (n,), NaN is left out.
        cluster: shape (n,), any integers: decisions of one cluster share their luck.
        level: of the interval.
    """
    known = np.isfinite(values)
    values, (labels, place) = values[known], np.unique(cluster[known], return_inverse=True)
    n, k = len(values), len(labels)
    if not n:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    mean = float(values.mean())
    if k < 2:
        return Interval(mean, np.nan, np.nan, n, k)
    # How far the mean moves when a cluster is left out.
    moved = np.bincount(place, values - mean) / (n - np.bincount(place))
    half = t_quantile((1 + level) / 2, k - 1) * float(np.sqrt((moved**2).sum()))
    return Interval(mean, mean - half, mean + half, n, k)
