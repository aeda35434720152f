"""Keeping a store for years: backup, moving, retention, health, rebuilding its index as a job."""

from tradingkb.upkeep.backup import BackupCheck, BackupReport, Backups, RestoreReport
from tradingkb.upkeep.health import Check, Checks, Health, Readiness
from tradingkb.upkeep.move_report import MoveReport, Place
from tradingkb.upkeep.move_sides import Outlook, Side, Target
from tradingkb.upkeep.moving import Mover
from tradingkb.upkeep.pulling import PullReport, pull_model
from tradingkb.upkeep.reembed_job import ReembedJob
from tradingkb.upkeep.retention import PruneReport, Retention
from tradingkb.upkeep.runbook_files import old_files, run_stem

__all__ = [
    "BackupCheck",
    "BackupReport",
    "Backups",
    "Check",
    "Checks",
    "Health",
    "MoveReport",
    "Mover",
    "Outlook",
    "Place",
    "PruneReport",
    "PullReport",
    "Readiness",
    "ReembedJob",
    "RestoreReport",
    "Retention",
    "Side",
    "Target",
    "old_files",
    "pull_model",
    "run_stem",
]
