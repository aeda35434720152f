"""The door of embedders that are servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tradingkb.domain import Regime, RegimeScaler
from tradingkb.ports import (
    Embedder,
    EmbedderFactory,
    Floats32,
    QueryVector,
    Side,
    TrialDocument,
)
from tradingkb.resilience.guards import Guard


class GuardedEmbedder:
    """The `Embedder` port over another one that asks a server."""

    remote = True

    def __init__(self, embedder: Embedder, guard: Guard) -> None:
        """Stands before an embedder."""
        self.embedder = embedder
        self.model: str = embedder.model
        self.dimension: int = embedder.dimension
        self.pipeline: str = embedder.pipeline
        self.reads: Literal["regime", "text"] = embedder.reads
        self._guard = guard

    def embed_documents(self, documents: Sequence[TrialDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); a row of zeros where nothing can be embedded."""
        return self._guard.call(lambda: self.embedder.embed_documents(documents), bulk=True)

    def embed_query(self, regime: Regime, text: str, side: Side) -> QueryVector:
        """The query's vector."""
        return self._guard.call(lambda: self.embedder.embed_query(regime, text, side))


def guarded_embedders(make: EmbedderFactory, guard: Guard) -> EmbedderFactory:
    """A factory whose remote embedders are guarded; those that are built in ask nobody."""

    def guarded(model: str, scaler: RegimeScaler | None) -> Embedder:
        embedder = make(model, scaler)
        return GuardedEmbedder(embedder, guard) if embedder.remote else embedder

    return guarded
