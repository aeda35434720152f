"""The lifecycle of trials: promote, reject, archive, withdraw, seen."""

from tradingkb.lifecycle.curator import Curator
from tradingkb.lifecycle.listing import strategy_table
from tradingkb.lifecycle.report import CurationReport
from tradingkb.lifecycle.seen import seen

__all__ = ["CurationReport", "Curator", "seen", "strategy_table"]
