"""The parts of `KnowledgeBase` besides `recommend`: other questions, curation, upkeep, quality."""

from tradingkb.operations.curation import Curation
from tradingkb.operations.quality import Quality
from tradingkb.operations.questions import Questions
from tradingkb.operations.recovery import Recovery

__all__ = ["Curation", "Quality", "Questions", "Recovery"]
