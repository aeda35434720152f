"""How fresh a workspace is: when things last happened to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from tradingkb.domain import Workspace
from tradingkb.monitoring.wording import duration
from tradingkb.ports import FreshnessStore
from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class Freshness(Report):
    """When things last happened; times are UTC, None for never.

    Attributes:
        workspace: slug.
        at: when it was asked.
        last_ingest: an ingest of the workspace was completed.
        last_failed_ingest: one failed, or was interrupted.
        last_calibration: a confidence of the workspace was fitted.
        last_backup: the whole store was backed up.
        last_event: an answer of the workspace was recorded, probes left out.
        newest_trial: the newest `known_at` of its trials.
    """

    workspace: str
    at: datetime
    last_ingest: datetime | None
    last_failed_ingest: datetime | None
    last_calibration: datetime | None
    last_backup: datetime | None
    last_event: datetime | None
    newest_trial: datetime | None

    def summary(self) -> str:
        """One line."""
        return f"workspace {self.workspace} at {self.at:%Y-%m-%d %H:%M} UTC"

    def details(self) -> list[str]:
        """One line each."""
        skipped = ("workspace", "at")
        times = {name: at for name, at in asdict(self).items() if name not in skipped}
        return [f"{name.replace('_', ' ')}: {self._told(at)}" for name, at in times.items()]

    def _told(self, at: datetime | None) -> str:
        if at is None:
            return "never"
        ago = (self.at - at).total_seconds()
        how = f"{duration(ago)} ago" if ago >= 0 else "by a clock ahead of this one"
        return f"{at:%Y-%m-%d %H:%M:%S} UTC, {how}"


def freshness(store: FreshnessStore, space: Workspace, at: datetime) -> Freshness:
    """When things last happened in a workspace."""
    last = store.last_times(space.id)
    return Freshness(
        space.slug,
        at,
        last.ingest,
        last.ingest_failed,
        last.calibration,
        last.backup,
        last.event,
        last.newest_trial,
    )
