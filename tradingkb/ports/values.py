"""Values that the ports exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True)
class RunRecord:
    """One run of an ingest or a re-embedding as it is stored.

    Attributes:
        kind: "ingest" or "reembed".
        collection: what a re-embedding writes to.
    """

    run_id: str
    workspace_id: str
    started_at: datetime
    source: str
    finished_at: datetime | None = None
    status: str = "running"
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    kind: str = "ingest"
    collection: str | None = None

    def ended(
        self, status: str, at: datetime, counts: Mapping[str, int], error: str | None = None
    ) -> RunRecord:
        """The record of the run when it has ended."""
        return replace(self, status=status, finished_at=at, counts=counts, error=error)
