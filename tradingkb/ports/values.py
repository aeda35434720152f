"""Values that the ports exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import polars as pl


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


@dataclass(frozen=True)
class Partition:
    """All trials of one strategy at one generation, as a reader keeps them.

    Attributes:
        generation: counts the changes that could alter an answer about the strategy.
        trials: one row each; `archived_at` is of their entry in the collection that was asked for.
    """

    generation: int
    trials: pl.DataFrame


@dataclass(frozen=True)
class PartitionNews:
    """What has become of a partition since a reader last saw it.

    Attributes:
        generation: the partition's now.
        kind: "unchanged": nothing could alter an answer; "added": what was known stands, and trials
            came in; "whole": anything else.
        trials: none, those that were added, or all.
    """

    generation: int
    kind: Literal["unchanged", "added", "whole"]
    trials: pl.DataFrame

    def onto(self, known: Partition | None) -> Partition:
        """The partition as it is now, from what was known of it."""
        if known is None or self.kind == "whole":
            return Partition(self.generation, self.trials)
        if self.kind == "unchanged":
            return Partition(self.generation, known.trials)
        trials = pl.concat([known.trials, self.trials], rechunk=True)
        return Partition(self.generation, trials)
