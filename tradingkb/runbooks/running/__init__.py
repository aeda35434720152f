"""Running runbooks: a kernel of its own for each, watched from outside, recorded and reported."""

from __future__ import annotations

from tradingkb.runbooks.running.asking import LONGEST_DEADLINE_S
from tradingkb.runbooks.running.environment import output_folder, settings_environment
from tradingkb.runbooks.running.lost import end_lost
from tradingkb.runbooks.running.places import CellAt
from tradingkb.runbooks.running.reading import read_report
from tradingkb.runbooks.running.runner import run_runbook
from tradingkb.runbooks.running.secret import without_credentials
from tradingkb.runbooks.running.starting import start_runbook

__all__ = [
    "LONGEST_DEADLINE_S",
    "CellAt",
    "end_lost",
    "output_folder",
    "read_report",
    "run_runbook",
    "settings_environment",
    "start_runbook",
    "without_credentials",
]
