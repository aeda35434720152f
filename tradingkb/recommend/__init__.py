"""Recommendation: filters nominate, all evidence judges.

Four rooms, each of which imports only those below it: `asking` (from what users give to a recorded
answer), `judging` (pure), `known` (a strategy's trials as arrays, kept), `answer` (typed values).
"""

from tradingkb.recommend.answer import Explanation, Recommendation
from tradingkb.recommend.asking import (
    EVENT_FIELDS,
    Asking,
    EventLog,
    GivenMarket,
    GivenQuestion,
    Recommender,
    RegimeLike,
    question_of,
)
from tradingkb.recommend.judging import (
    Chosen,
    Findings,
    RecommendConfig,
    assemble,
    fingerprint,
    nominated_sets,
    pick,
)
from tradingkb.recommend.known import Context, RegimeFacts, View, eligible, of_version, to_micros

__all__ = [
    "EVENT_FIELDS",
    "Asking",
    "Chosen",
    "Context",
    "EventLog",
    "Explanation",
    "Findings",
    "GivenMarket",
    "GivenQuestion",
    "RecommendConfig",
    "Recommendation",
    "Recommender",
    "RegimeFacts",
    "RegimeLike",
    "View",
    "assemble",
    "eligible",
    "fingerprint",
    "nominated_sets",
    "of_version",
    "pick",
    "question_of",
    "to_micros",
]
