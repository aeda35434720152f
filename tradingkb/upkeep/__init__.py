"""Keeping a store for years: backup, retention and health."""

from tradingkb.upkeep.backup import BackupReport, Backups, RestoreReport
from tradingkb.upkeep.health import Check, Checks, Health, Readiness
from tradingkb.upkeep.retention import PruneReport, Retention

__all__ = [
    "BackupReport",
    "Backups",
    "Check",
    "Checks",
    "Health",
    "PruneReport",
    "Readiness",
    "RestoreReport",
    "Retention",
]
