"""Keeping a store for years: backup, retention, health, and rebuilding its index as a job."""

from tradingkb.upkeep.backup import BackupReport, Backups, RestoreReport
from tradingkb.upkeep.health import Check, Checks, Health, Readiness
from tradingkb.upkeep.pulling import PullReport, pull_model
from tradingkb.upkeep.reembed_job import ReembedJob
from tradingkb.upkeep.retention import PruneReport, Retention

__all__ = [
    "BackupReport",
    "Backups",
    "Check",
    "Checks",
    "Health",
    "PruneReport",
    "PullReport",
    "Readiness",
    "ReembedJob",
    "RestoreReport",
    "Retention",
    "pull_model",
]
