"""What is known and kept: a strategy's trials as arrays, and what follows from them alone."""

from tradingkb.recommend.known.context import Context, make_context, of_version, to_micros
from tradingkb.recommend.known.history import promoted_as_of
from tradingkb.recommend.known.pool import Pool, Standing
from tradingkb.recommend.known.reader import Calibrated, Calibrations, ContextReader, KnownStore
from tradingkb.recommend.known.view import STATUS_CODE, Statuses, View, eligible, make_view
from tradingkb.recommend.known.windows import RegimeFacts, side_of

__all__ = [
    "STATUS_CODE",
    "Calibrated",
    "Calibrations",
    "Context",
    "ContextReader",
    "KnownStore",
    "Pool",
    "RegimeFacts",
    "Standing",
    "Statuses",
    "View",
    "eligible",
    "make_context",
    "make_view",
    "of_version",
    "promoted_as_of",
    "side_of",
    "to_micros",
]
