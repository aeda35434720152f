"""Monitoring: what happened, what is wrong now, and what the trials look like; it only reads."""

from tradingkb.monitoring.event_verbs import EventReports
from tradingkb.monitoring.pages import Page, event_page, event_summary, trial_page
from tradingkb.monitoring.problem_verbs import Watching
from tradingkb.monitoring.trial_verbs import TrialReports

__all__ = [
    "EventReports",
    "Page",
    "TrialReports",
    "Watching",
    "event_page",
    "event_summary",
    "trial_page",
]
