"""The built-in embedder: market regimes as unit vectors, numeric and deterministic.

Each scaled feature x in [-3, 3] becomes the angle t = x pi / 6 and two coordinates (cos t, sin t),
so the dot product of two regimes is the mean of cos(difference of angles): 1 for equal regimes,
falling with every feature's difference, and no single feature can dominate it.

A document holds two regimes, one half each: the regime *before* the scored window (in-sample)
and the one *during* it (out-of-sample). A query fills only one half, so one collection answers
both a measured regime (what came before the future) and a stated one (what it will be like).

A feature that a document does not know is taken at its median (angle 0), so that every document
has the same length and no similarity can exceed 1; one that a query does not know is left out of
the mean. `tradingkb.domain.scaling.regime_similarity` is the same number without an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import FEATURES, RADIANS, Regime, RegimeScaler, Side
from tradingkb.ports import PAYLOAD_VERSION, Floats32, QueryVector, WindowDocument

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MODEL: Final = "regime-v1"
_HALF: Final = 2 * len(FEATURES)
DIMENSION: Final = 2 * _HALF


class RegimeEmbedder:
    """The `Embedder` port over scaled regime features; 64 dimensions."""

    model = MODEL
    dimension = DIMENSION
    remote = False
    batch: int | None = None

    def __init__(self, scaler: RegimeScaler) -> None:
        self.scaler = scaler
        self.pipeline = f"{MODEL}/{PAYLOAD_VERSION}/scaler-{scaler.version}"

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        """Unit vectors, shape (n, 64); zeros where a document has no regime at all.

        A document with one regime has it in both halves: it is the best estimate of the other.
        """
        if not documents:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        before = self._halves([regime_or(d.before, d.during) for d in documents])
        during = self._halves([regime_or(d.during, d.before) for d in documents])
        return np.asarray(np.hstack([before, during]) / np.sqrt(2.0), dtype=np.float32)

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        """The regime in the half that `side` names; similarities scale by the square root of 2."""
        raw = regime.vector()
        known = np.isfinite(raw)
        n = max(int(known.sum()), 1)
        vector = np.zeros(DIMENSION, dtype=np.float32)
        start = 0 if side == "before" else _HALF
        vector[start : start + _HALF] = self._pairs(raw, known) / np.sqrt(n)
        # Documents spread their length over all features; a query that knows few would look
        # less similar to everything by the same factor.
        return QueryVector(vector, float(np.sqrt(2.0 * len(FEATURES) / n)))

    def _halves(self, regimes: Sequence[Regime | None]) -> Floats:
        unknown = np.full(len(FEATURES), np.nan)
        raw = np.array([r.vector() if r is not None else unknown for r in regimes])
        counted = np.isfinite(raw).any(axis=1, keepdims=True) & np.ones_like(raw, dtype=bool)
        return np.asarray(self._pairs(raw, counted) / np.sqrt(len(FEATURES)))

    def _pairs(self, raw: Floats, counted: Bools) -> Floats:
        """(cos, sin) per feature, shape (..., 32); zeros where not counted."""
        angle = np.nan_to_num(self.scaler.transform(raw)) * RADIANS
        pairs = np.stack([np.cos(angle) * counted, np.sin(angle) * counted], axis=-1)
        return np.asarray(pairs.reshape(*raw.shape[:-1], _HALF))


def regime_or(regime: Regime | None, other: Regime | None) -> Regime | None:
    """A regime, or the other one where it says nothing."""
    return regime if regime is not None and regime.features else other
