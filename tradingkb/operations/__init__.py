"""The administration of a knowledge base: the parts of `KnowledgeBase` that change what counts."""

from tradingkb.operations.curation import Curation
from tradingkb.operations.upkeep import Upkeep

__all__ = ["Curation", "Upkeep"]
