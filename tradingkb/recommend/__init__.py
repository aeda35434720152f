"""Recommendation: filters nominate, all evidence judges.

Four rooms, each of which imports only those below it: `asking` (from what users give to a recorded
answer), `judging` (pure), `known` (a strategy's trials as arrays, kept), `answer` (typed values).
"""

from tradingkb.recommend.answer import CODES, Explanation, Recommendation
from tradingkb.recommend.asking import (
    EVENT_FIELDS,
    AnsweredAgain,
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
    ExactSearch,
    Filtered,
    Findings,
    RecommendConfig,
    Retrieved,
    Search,
    assemble,
    find,
    fingerprint,
    nearest,
    nominated_sets,
    outline_of,
    pick,
)
from tradingkb.recommend.known import (
    Context,
    RegimeFacts,
    View,
    eligible,
    make_context,
    make_view,
    of_version,
    to_micros,
)

__all__ = [
    "CODES",
    "EVENT_FIELDS",
    "AnsweredAgain",
    "Asking",
    "Chosen",
    "Context",
    "EventLog",
    "ExactSearch",
    "Explanation",
    "Filtered",
    "Findings",
    "GivenMarket",
    "GivenQuestion",
    "RecommendConfig",
    "Recommendation",
    "Recommender",
    "RegimeFacts",
    "RegimeLike",
    "Retrieved",
    "Search",
    "View",
    "assemble",
    "eligible",
    "find",
    "fingerprint",
    "make_context",
    "make_view",
    "nearest",
    "nominated_sets",
    "of_version",
    "outline_of",
    "pick",
    "question_of",
    "to_micros",
]
