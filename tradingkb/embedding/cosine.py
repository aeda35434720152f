"""A second built-in embedder: in which direction a market deviates from the median market.

The scaled features x of a regime, in robust standard deviations from the median over all windows,
are divided by their length; the dot product of two regimes is the cosine of the angle between
them: 1 where all features deviate in the same proportions, -1 where they deviate the opposite way.
How far they deviate does not matter, unlike in `tradingkb.embedding.regime_embedder`, and a market
that is the median in everything resembles nothing. Half as many numbers per vector.

As there, a document holds the regime before the scored window and the one during it, one half
each, and a query fills one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import FEATURES, Regime, RegimeScaler, Side
from tradingkb.embedding.regime_embedder import regime_or
from tradingkb.ports import PAYLOAD_VERSION, Floats32, QueryVector, WindowDocument

Floats = NDArray[np.float64]

MODEL: Final = "regime-cosine-v1"
_HALF: Final = len(FEATURES)
DIMENSION: Final = 2 * _HALF
#: Below this length a deviation is rounding: it has no direction.
_SHORTEST: Final = 1e-9


class CosineRegimeEmbedder:
    """The `Embedder` port over directions of scaled regime features; 32 dimensions."""

    model = MODEL
    dimension = DIMENSION
    remote = False
    batch: int | None = None

    def __init__(self, scaler: RegimeScaler) -> None:
        self.scaler = scaler
        self.pipeline = f"{MODEL}/{PAYLOAD_VERSION}/scaler-{scaler.version}"

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        """Unit vectors, shape (n, 32); zeros where a document has no regime with a direction.

        A document with one regime has it in both halves: it is the best estimate of the other.
        One with two of which only one has a direction is a unit vector of that one alone, so its
        similarities come out larger, by the square root of 2, and are cut at 1.
        """
        if not documents:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        before = self._directions([regime_or(d.before, d.during) for d in documents])
        during = self._directions([regime_or(d.during, d.before) for d in documents])
        both = np.hstack([before, during])
        length = np.linalg.norm(both, axis=1, keepdims=True)
        return np.asarray(both / np.maximum(length, _SHORTEST), dtype=np.float32)

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        """The direction in the half that `side` names; similarities scale by the square root of 2.

        Features that the query does not know are left out of it, as if they were at the median.
        """
        vector = np.zeros(DIMENSION, dtype=np.float32)
        start = 0 if side == "before" else _HALF
        vector[start : start + _HALF] = self._directions([regime])[0]
        return QueryVector(vector, float(np.sqrt(2.0)))

    def _directions(self, regimes: Sequence[Regime | None]) -> Floats:
        """Unit vectors of scaled features, shape (n, 16); zeros where there is no direction."""
        unknown = np.full(_HALF, np.nan)
        raw = np.array([r.vector() if r is not None else unknown for r in regimes])
        scaled = np.nan_to_num(self.scaler.transform(raw))
        length = np.linalg.norm(scaled, axis=1, keepdims=True)
        return np.asarray(np.where(length > _SHORTEST, scaled / np.maximum(length, _SHORTEST), 0.0))
