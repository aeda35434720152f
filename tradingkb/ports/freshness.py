"""The port of when things last happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class LastTimes:
    """When things last happened, UTC; None for never.

    Attributes:
        ingest: an ingest of the workspace was completed.
        ingest_failed: one failed, or was interrupted.
        calibration: a confidence of the workspace was fitted.
        backup: the store was backed up.
        event: an answer of the workspace was recorded, probes left out.
        newest_trial: the newest `known_at` of its trials.
    """

    ingest: datetime | None
    ingest_failed: datetime | None
    calibration: datetime | None
    backup: datetime | None
    event: datetime | None
    newest_trial: datetime | None


class FreshnessStore(Protocol):
    """When things last happened."""

    def last_times(self, workspace_id: str) -> LastTimes:
        """When things last happened in a workspace; the backup is one of the whole store."""
