"""Asking: from what users give to a recorded answer."""

from tradingkb.recommend.asking.asking import Asking, GivenQuestion
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.market import GivenMarket, RegimeLike
from tradingkb.recommend.asking.recommender import Recommender

__all__ = [
    "Asking",
    "EventLog",
    "GivenMarket",
    "GivenQuestion",
    "Recommender",
    "RegimeLike",
]
