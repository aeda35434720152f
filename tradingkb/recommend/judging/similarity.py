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
        reason: why a wanted similarity is missing: "no_embedding_available", "collection_empty".
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
        similarity = np.where(filtered.windows, found, np.nan)
        if not np.isfinite(similarity).any():
            return Retrieved(None, "collection_empty", "no window known by then has a regime")
        rounded = np.where(np.isfinite(similarity), np.round(similarity, 6), -np.inf)
        if len(rounded) > self._limit:
            last = np.partition(rounded, -self._limit)[-self._limit]
            first = np.flatnonzero(rounded == last)[: self._limit - int((rounded > last).sum())]
            similarity[rounded <= last] = np.nan
            similarity[first] = found[first]
            similarity[~filtered.windows] = np.nan
        return Retrieved(similarity)
