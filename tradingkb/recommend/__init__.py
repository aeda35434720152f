"""Recommendation: filters nominate, all evidence judges."""

from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.job import RecommendJob
from tradingkb.recommend.request import RecommendRequest

__all__ = ["RecommendJob", "RecommendRequest", "Recommendation"]
