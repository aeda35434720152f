"""Similarity of regimes: how far each window's market is from the question's; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.recommend.judging.nominate import Filtered
from tradingkb.recommend.known import Context, side_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Retrieved:
    """The neighbourhood.

    Attributes:
        similarity: shape (w,), NaN for windows that were not found; None when none was computed.
        reason: why a wanted similarity is missing: "no_embedding_available", "vectors_outdated",
            "collection_empty".
        detail: the sentence behind the reason.
    """

    similarity: Floats | None
    reason: str | None = None
    detail: str | None = None


#: Finds the windows nearest to a question's regime among those in which a trial may nominate.
Search = Callable[[Context, Filtered], Retrieved]


class ExactSearch:
    """The nearest windows from SQL alone: point in time, where the index knows only today."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __call__(self, c: Context, filtered: Filtered) -> Retrieved:
        """The nearest of the windows in which a trial may nominate."""
        regime, scaler = c.question.market.regime, c.pool.scaler
        assert regime is not None and scaler is not None
        angles = c.pool.angles(side_of(regime), scaler)
        found = angles.similarity(scaler.transform(regime.vector()))
        return nearest(found, filtered, self._limit)


def nearest(similarity: Floats, filtered: Filtered, limit: int) -> Retrieved:
    """The nearest of the windows in which a trial may nominate; pure.

    Args:
        similarity: shape (w,), NaN where it is not known.
        filtered: says which windows may be found.
        limit: at most so many; of equally near ones the first.
    """
    found = np.where(filtered.windows, similarity, np.nan)
    if not np.isfinite(found).any():
        return Retrieved(None, "collection_empty", "no window known by then has a regime")
    rounded = np.where(np.isfinite(found), np.round(found, 6), -np.inf)
    if len(rounded) > limit:
        last = np.partition(rounded, -limit)[-limit]
        first = np.flatnonzero(rounded == last)[: limit - int((rounded > last).sum())]
        found[rounded <= last] = np.nan
        found[first] = similarity[first]
        found[~filtered.windows] = np.nan
    return Retrieved(found)
