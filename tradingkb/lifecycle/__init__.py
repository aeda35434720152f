"""The lifecycle of trials: promote, reject, archive, withdraw, seen; and long lists in pages."""

from tradingkb.lifecycle.changes import CurationReport
from tradingkb.lifecycle.curator import Curator
from tradingkb.lifecycle.pages import Page, event_page, event_summary, trial_page
from tradingkb.lifecycle.seen import seen
from tradingkb.lifecycle.strategies import strategy_table
from tradingkb.lifecycle.verbs import Curation

__all__ = [
    "Curation",
    "CurationReport",
    "Curator",
    "Page",
    "event_page",
    "event_summary",
    "seen",
    "strategy_table",
    "trial_page",
]
