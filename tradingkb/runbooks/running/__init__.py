"""Running runbooks: a kernel of its own for each, watched from outside, recorded and reported."""

from __future__ import annotations

from tradingkb.runbooks.running.environment import settings_environment
from tradingkb.runbooks.running.files import output_folder
from tradingkb.runbooks.running.runner import run_runbook

__all__ = ["output_folder", "run_runbook", "settings_environment"]
