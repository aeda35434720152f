"""Monitoring: what happened, what is wrong now, and what the trials look like; it only reads."""

from tradingkb.monitoring.density import TrialDensity
from tradingkb.monitoring.event_verbs import EventReports
from tradingkb.monitoring.facts import Problem
from tradingkb.monitoring.freshness import Freshness
from tradingkb.monitoring.grid import ParamGrid
from tradingkb.monitoring.notes import Notes
from tradingkb.monitoring.pages import Page, event_page, event_summary
from tradingkb.monitoring.problem_verbs import Watching
from tradingkb.monitoring.report import Problems
from tradingkb.monitoring.rules import NOT_WATCHED, RETRIES, SHARES, STALE
from tradingkb.monitoring.run_pages import run_page, told_run
from tradingkb.monitoring.runbook_verbs import LOST_AFTER_S, RunbookHistory
from tradingkb.monitoring.schedule_verbs import Schedules
from tradingkb.monitoring.trial_pages import nothing_selected
from tradingkb.monitoring.trial_verbs import TrialReports

__all__ = [
    "LOST_AFTER_S",
    "NOT_WATCHED",
    "RETRIES",
    "SHARES",
    "STALE",
    "EventReports",
    "Freshness",
    "Notes",
    "Page",
    "ParamGrid",
    "Problem",
    "Problems",
    "RunbookHistory",
    "Schedules",
    "TrialDensity",
    "TrialReports",
    "Watching",
    "event_page",
    "event_summary",
    "nothing_selected",
    "run_page",
    "told_run",
]
