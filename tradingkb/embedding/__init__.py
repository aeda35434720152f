"""Embedders: numeric ones that are built in, and those of an Ollama server."""

from tradingkb.embedding.factory import BUILT_IN, Embedders

__all__ = ["BUILT_IN", "Embedders"]
