"""The parameter sets nearest to one that was never tried, in steps of the grid that was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Params, StrategySpec
from tradingkb.ranking.plateau import coordinates

Floats = NDArray[np.float64]


def nearest_sets(
    psets: Sequence[Params], params: Params, spec: StrategySpec | None, limit: int = 5
) -> list[tuple[int, float]]:
    """Index and distance of the nearest sets, nearest first.

    Distance is counted as for the plateau (`coordinates`), with `params` as one more set: a value
    between two that were tried is one step from either. Among equally distant sets the one whose
    numbers differ less, each as a share of its parameter's range, comes first.

    Args:
        psets: the sets that were tried.
        params: the set that was not.
        spec: declares which parameters are categorical.
        limit: how many at most.

    Returns:
        Sets with other categorical values are left out: they are no neighbours.
    """
    if not psets:
        return []
    steps, codes = coordinates([*psets, params], spec)
    distance = np.abs(steps[:-1] - steps[-1]).sum(axis=1)
    shares = _shares(psets, params)
    near = np.flatnonzero(codes[:-1] == codes[-1])
    order = near[np.lexsort((near, shares[near], distance[near]))][:limit]
    return [(int(k), float(distance[k])) for k in order]


def _shares(psets: Sequence[Params], params: Params) -> Floats:
    """Sum over numbers of |difference| / range among all sets, shape (p,)."""
    total = np.zeros(len(psets))
    for name, value in params.items():
        column = [value, *(pset.get(name) for pset in psets)]
        if any(isinstance(v, bool) or not isinstance(v, int | float) for v in column):
            continue
        numbers = np.array(column, dtype=np.float64)
        spread = float(np.ptp(numbers))
        total += np.abs(numbers[1:] - numbers[0]) / spread if spread > 0 else 0.0
    return total
