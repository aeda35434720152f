"""Values that the ports exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Workspace:
    """A tenant: its own trials, specs and events."""

    id: str
    slug: str
    default_embed_model: str | None
    default_collection: str | None
    config: Mapping[str, Any]
    created_at: datetime


@dataclass
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
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    kind: str = "ingest"
    collection: str | None = None


@dataclass(frozen=True)
class Actor:
    """Who changes something, and why.

    Attributes:
        name: of the person or program.
        kind: "admin", "system", ...; `actor_type` of events and history.
        reason: as they gave it.
    """

    name: str
    kind: str = "admin"
    reason: str | None = None
