"""The built-in embedder: market regimes as unit vectors, numeric and deterministic.

Each scaled feature x in [-3, 3] becomes the angle t = x pi / 6 and two coordinates (cos t, sin t),
so the dot product of two regimes is the mean of cos(difference of angles): 1 for equal regimes,
falling with every feature's difference, and no single feature can dominate it.

A document holds two regimes, one half each: the regime *before* the scored window (in-sample)
and the one *during* it (out-of-sample). A query fills only one half, so one collection answers
both a measured regime (what came before the future) and a stated one (what it will be like).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.regime import FEATURES, Regime
from tradingkb.domain.scaling import CLIP, RegimeScaler
from tradingkb.ports import Floats32, QueryVector, Side, TrialDocument

Floats = NDArray[np.float64]

MODEL: Final = "regime-v1"
_HALF: Final = 2 * len(FEATURES)
DIMENSION: Final = 2 * _HALF


class RegimeEmbedder:
    """The `Embedder` port over scaled regime features; 64 dimensions."""

    model = MODEL
    dimension = DIMENSION
    reads: Literal["regime", "text"] = "regime"

    def __init__(self, scaler: RegimeScaler) -> None:
        self.scaler = scaler
        self.pipeline = f"{MODEL}/scaler-{scaler.version}"

    def embed_documents(self, documents: Sequence[TrialDocument]) -> Floats32:
        """Unit vectors, shape (n, 64); zeros where a document has no regime at all.

        A document with one regime has it in both halves: it is the best estimate of the other.
        """
        if not documents:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        before = self._half([d.regime_is or d.regime_oos for d in documents])
        during = self._half([d.regime_oos or d.regime_is for d in documents])
        return (np.hstack([before, during]) / np.sqrt(2.0)).astype(np.float32)

    def embed_query(self, regime: Regime, text: str, side: Side) -> QueryVector:
        """The regime in the half that `side` names; similarities scale by the square root of 2."""
        half = self._half([regime])[0]
        vector = np.zeros(DIMENSION)
        vector[(0 if side == "before" else _HALF) :][:_HALF] = half
        known = np.isfinite(regime.vector()).sum()
        # Documents spread their length over all features; a query that knows few would look
        # less similar to everything by the same factor.
        scale = np.sqrt(2.0 * len(FEATURES) / max(int(known), 1))
        return QueryVector(vector.astype(np.float32), float(scale))

    def _half(self, regimes: Sequence[Regime | None]) -> Floats:
        unknown = np.full(len(FEATURES), np.nan)
        raw = np.array([r.vector() if r is not None else unknown for r in regimes])
        angle = self.scaler.transform(raw) * (np.pi / (2.0 * CLIP))
        known = np.isfinite(angle)
        angle = np.where(known, angle, 0.0)
        pairs = np.stack([np.cos(angle) * known, np.sin(angle) * known], axis=-1)
        length = np.sqrt(np.maximum(known.sum(axis=1), 1))
        return np.asarray(pairs.reshape(len(regimes), _HALF) / length[:, None], dtype=np.float64)
