"""Judging: filters nominate, all evidence judges; pure."""

from tradingkb.recommend.judging.assemble import assemble, nominated_sets, outline_of, pick
from tradingkb.recommend.judging.explaining import explain_params
from tradingkb.recommend.judging.findings import Findings, RecommendConfig, find, gather
from tradingkb.recommend.judging.fingerprint import fingerprint
from tradingkb.recommend.judging.judge import Chosen
from tradingkb.recommend.judging.nominate import Filtered
from tradingkb.recommend.judging.similarity import ExactSearch, Retrieved, Search, nearest

__all__ = [
    "Chosen",
    "ExactSearch",
    "Filtered",
    "Findings",
    "RecommendConfig",
    "Retrieved",
    "Search",
    "assemble",
    "explain_params",
    "find",
    "fingerprint",
    "gather",
    "nearest",
    "nominated_sets",
    "outline_of",
    "pick",
]
