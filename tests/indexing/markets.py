"""Windows of many different markets, and embedders that see more or less of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tests.small_store import trials
from tradingkb.domain import (
    FEATURE_INFO,
    FEATURES,
    Regime,
    RegimeScaler,
    Side,
    regime_from_json,
    regime_to_json,
)
from tradingkb.domain.document import WORDINGS
from tradingkb.embedding.regime_embedder import RegimeEmbedder
from tradingkb.ports import Floats32, QueryVector, WindowDocument

_DAY = timedelta(days=1)
_START = datetime(2015, 1, 1, tzinfo=UTC)


def market(rng: np.random.Generator) -> Regime:
    """A regime whose features are all known, as markets have them, each apart from the others."""
    found = {}
    for name in FEATURES:
        info, said = FEATURE_INFO[name], WORDINGS[name]
        low, high = said.below[0], said.above[1]
        value = low + (high - low) * rng.uniform(-0.2, 1.2)
        found[name] = float(np.clip(value, info.low, info.high))
    return Regime(features=found)


def window_list(n: int, seed: int = 0, symbols: int = 6) -> list[dict[str, Any]]:
    """Rows of `window_rows`: a window in each quarter, another symbol each time."""
    rng = np.random.default_rng(seed)
    return [
        {
            "window_id": number,
            "window_key": f"w{number}",
            "symbol": f"S{number % symbols}",
            "timeframe": "1d",
            "is_start": _START + 91 * number * _DAY,
            "oos_start": _START + (91 * number + 60) * _DAY,
            "regime_is": regime_to_json(market(rng)),
            "regime_oos": regime_to_json(market(rng)),
        }
        for number in range(1, n + 1)
    ]


def scaler_of(rows: Sequence[dict[str, Any]]) -> RegimeScaler:
    texts = [row[side] for row in rows for side in ("regime_is", "regime_oos")]
    known = [regime_from_json(text).vector() for text in texts if text]
    return RegimeScaler.fit(np.array(known), version=1)


def market_trials(n_windows: int, strategies: Sequence[str] = ("s", "t")) -> pl.DataFrame:
    """Trials of strategies on windows of many different markets, one quarter after the other.

    Which of three parameters is best differs by window, so that it matters which ones are found.
    """
    names = [f"{w}:{fast}" for w in range(n_windows) for fast in (5, 20, 50)]
    scores = {name: (7 * place) % 11 / 5 - 1 for place, name in enumerate(names)}
    rows = trials(n_windows, (5, 20, 50), scores).to_dicts()
    markets = window_list(n_windows)
    for row in rows:
        found = markets[int(row["source_id"].split(":")[0])]
        row |= {name: found[name] for name in ("symbol", "regime_is", "regime_oos")}
    frame = pl.DataFrame(rows)
    named = (
        frame.with_columns(
            source_id=pl.format("{}:{}", pl.lit(name), "source_id"), strategy_name=pl.lit(name)
        )
        for name in strategies
    )
    return pl.concat(named)


class Knowing(RegimeEmbedder):
    """Sees some features of a market, and is as exact as can be in them."""

    model = "knowing"

    def __init__(self, scaler: RegimeScaler, *features: str) -> None:
        super().__init__(scaler)
        self.features = features

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        return super().embed_documents(
            [WindowDocument(self._seen(d.before), self._seen(d.during)) for d in documents]
        )

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        return super().embed_query(self._seen(regime) or regime, side)

    def _seen(self, regime: Regime | None) -> Regime | None:
        if regime is None:
            return None
        return Regime(features={name: regime.features[name] for name in self.features})


class Shuffled(RegimeEmbedder):
    """Gives each window the vector of another one, as after a mistake with the order of a batch."""

    model = "shuffled"

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        vectors = super().embed_documents(documents)
        return vectors[np.random.default_rng(0).permutation(len(vectors))]


class Random(RegimeEmbedder):
    """Gives every market a direction that means nothing, and always the same one."""

    model = "random"

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        return np.array([self._drawn(repr(d)) for d in documents]).reshape(-1, self.dimension)

    def embed_query(self, regime: Regime, side: Side) -> QueryVector:
        return QueryVector(self._drawn(f"{side} {regime!r}"))

    def _drawn(self, text: str) -> Floats32:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        found = np.random.default_rng(seed).normal(size=self.dimension)
        return np.asarray(found / np.linalg.norm(found), dtype=np.float32)
