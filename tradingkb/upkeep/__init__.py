"""Keeping a store for years: backup, retention, and rebuilding its index as a job."""

from tradingkb.upkeep.backup import BackupReport, Backups, RestoreReport
from tradingkb.upkeep.reembed_job import ReembedJob
from tradingkb.upkeep.retention import PruneReport, Retention

__all__ = ["BackupReport", "Backups", "PruneReport", "ReembedJob", "RestoreReport", "Retention"]
