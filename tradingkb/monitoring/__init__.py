"""Monitoring: what happened, what is wrong now, and what the trials look like; it only reads."""

from tradingkb.monitoring.event_verbs import EventReports
from tradingkb.monitoring.notes import Notes
from tradingkb.monitoring.problem_verbs import Watching
from tradingkb.monitoring.trial_verbs import TrialReports

__all__ = ["EventReports", "Notes", "TrialReports", "Watching"]
