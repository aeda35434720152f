"""Recommendation: filters nominate, all evidence judges."""

from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.explanation import Explanation
from tradingkb.recommend.job import RecommendJob
from tradingkb.recommend.request import RecommendRequest

__all__ = ["Explanation", "RecommendJob", "RecommendRequest", "Recommendation"]
