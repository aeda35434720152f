"""The administration of a knowledge base: the parts of `KnowledgeBase` that change what counts."""

from tradingkb.operations.curation import Curation
from tradingkb.operations.recovery import Recovery

__all__ = ["Curation", "Recovery"]
