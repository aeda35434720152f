"""The lifecycle of trials: promote, reject, archive, withdraw, seen."""

from tradingkb.lifecycle.changes import CurationReport
from tradingkb.lifecycle.curator import Curator
from tradingkb.lifecycle.seen import seen
from tradingkb.lifecycle.strategies import strategy_table
from tradingkb.lifecycle.verbs import Curation

__all__ = [
    "Curation",
    "CurationReport",
    "Curator",
    "seen",
    "strategy_table",
]
