"""Embedders that are built in: numeric, deterministic, nothing to download."""

from collections.abc import Callable
from typing import Final

from tradingkb.domain import RegimeScaler
from tradingkb.embedding import cosine, regime_embedder
from tradingkb.ports import Embedder

#: The embedder of each model name.
EMBEDDERS: Final[dict[str, Callable[[RegimeScaler], Embedder]]] = {
    regime_embedder.MODEL: regime_embedder.RegimeEmbedder,
    cosine.MODEL: cosine.CosineRegimeEmbedder,
}

__all__ = ["EMBEDDERS"]
