"""The parts of `KnowledgeBase` besides questions and answers: what counts, upkeep, quality."""

from tradingkb.operations.curation import Curation
from tradingkb.operations.quality import Quality
from tradingkb.operations.recovery import Recovery

__all__ = ["Curation", "Quality", "Recovery"]
