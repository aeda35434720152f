"""The answer: typed values down to their JSON form."""

from tradingkb.recommend.answer.codes import CODES, Said, actions_for
from tradingkb.recommend.answer.explanation import Explanation
from tradingkb.recommend.answer.parts import (
    AgainstDefaults,
    AnswerStatus,
    BacktestOverfitting,
    Band,
    Baseline,
    CalibrationBasis,
    Debug,
    DeflatedSharpe,
    Lead,
    NearSet,
    Option,
    Overfitting,
    Recommended,
)
from tradingkb.recommend.answer.recommendation import ANSWER_SCHEMA_VERSION, Recommendation

__all__ = [
    "ANSWER_SCHEMA_VERSION",
    "CODES",
    "AgainstDefaults",
    "AnswerStatus",
    "BacktestOverfitting",
    "Band",
    "Baseline",
    "CalibrationBasis",
    "Debug",
    "DeflatedSharpe",
    "Explanation",
    "Lead",
    "NearSet",
    "Option",
    "Overfitting",
    "Recommendation",
    "Recommended",
    "Said",
    "actions_for",
]
