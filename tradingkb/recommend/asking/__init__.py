"""Asking: from what users give to a recorded answer."""

from tradingkb.recommend.asking.again import AnsweredAgain
from tradingkb.recommend.asking.asking import Asking, GivenQuestion
from tradingkb.recommend.asking.event_fields import EVENT_FIELDS
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.event_question import question_of
from tradingkb.recommend.asking.market import GivenMarket, RegimeLike
from tradingkb.recommend.asking.recommender import Recommender

__all__ = [
    "EVENT_FIELDS",
    "AnsweredAgain",
    "Asking",
    "EventLog",
    "GivenMarket",
    "GivenQuestion",
    "Recommender",
    "RegimeLike",
    "question_of",
]
