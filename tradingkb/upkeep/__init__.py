"""Keeping a store for years: backup and retention."""

from tradingkb.upkeep.backup import BackupReport, Backups, RestoreReport
from tradingkb.upkeep.retention import PruneReport, Retention

__all__ = ["BackupReport", "Backups", "PruneReport", "RestoreReport", "Retention"]
