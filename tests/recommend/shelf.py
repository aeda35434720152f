"""A store, an index and an embedder in memory: what a question asks of them, and no more.

The ports' guarantees are tested on their adapters; here stands only what a question has to be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from tests.recommend.worlds import SPACE, START, World
from tradingkb.domain import Regime, RegimeScaler, StrategySpec, Workspace
from tradingkb.exceptions import BackendUnavailableError, DiskFullError
from tradingkb.ports import (
    Calibration,
    Partition,
    PartitionNews,
    QueryVector,
    VectorFilter,
    WindowHit,
)


class Shelf:
    """Holds a world until another one is put there.

    Attributes:
        reads: how often each thing was read.
        events: what was written, in order; `batches` are the sizes of the writes.
        busy: whether another process is writing.
        full: whether the disk has no room.
        refused: request ids of events that are never accepted.
        newest: the newest calibration.
    """

    def __init__(self, world: World, name: str = "s") -> None:
        self.world = world
        self.name = name
        self.number = 1
        self.reads: Counter[str] = Counter()
        self.events: list[Mapping[str, Any]] = []
        self.batches: list[int] = []
        self.busy = False
        self.full = False
        self.refused: set[str] = set()
        self.newest: Calibration | None = None

    def put(self, world: World) -> None:
        """Changes what is there, as every change of a trial does."""
        self.world = world
        self.number += 1

    def workspace(self, name: str) -> Workspace | None:
        return SPACE if name in (SPACE.slug, SPACE.id) else None

    def workspaces(self) -> list[Workspace]:
        return [SPACE]

    def generation(self, workspace_id: str, strategy_name: str) -> int:
        return self.number

    def partition(
        self, workspace_id: str, strategy_name: str, collection: str, known: Partition | None = None
    ) -> PartitionNews:
        self.reads["partition"] += 1
        now = self.world.partition.trials
        if strategy_name != self.name:
            now = now.clear()
        if known is None:
            return PartitionNews(self.number, "whole", now)
        if now.equals(known.trials):
            return PartitionNews(self.number, "unchanged", now.clear())
        if now.head(known.trials.height).equals(known.trials):
            return PartitionNews(self.number, "added", now.slice(known.trials.height))
        return PartitionNews(self.number, "whole", now)

    def partitions(
        self, workspace_id: str, strategy_names: Sequence[str], collection: str
    ) -> dict[str, Partition]:
        self.reads["partitions"] += 1
        trials = self.world.partition.trials
        return {
            n: Partition(self.number, trials if n == self.name else trials.clear())
            for n in strategy_names
        }

    def trial_counts(self, workspace_id: str, strategy_names: Sequence[str]) -> dict[str, int]:
        return {n: self.world.rows.height for n in strategy_names if n == self.name}

    def window_rows(self, workspace_id: str, among: pl.Series) -> pl.DataFrame:
        self.reads["windows"] += 1
        return self.world.windows.filter(pl.col("window_id").is_in(among.implode()))

    def param_set_rows(
        self, workspace_id: str, strategy_name: str | None = None, *, ids: pl.Series | None = None
    ) -> pl.DataFrame:
        return self.world.sets

    def specs(self, workspace_id: str, name: str | None = None) -> list[StrategySpec]:
        return [s for s in self.world.specs if name in (None, s.name)]

    def spec_registrations(
        self, workspace_id: str, name: str
    ) -> list[tuple[StrategySpec, datetime]]:
        return [(s, START) for s in self.world.specs]

    def trial_versions(
        self, workspace_id: str, strategy_name: str, collection: str
    ) -> pl.DataFrame:
        self.reads["versions"] += 1
        return self.world.partition.trials.clear()

    def strategy_names(self, workspace_id: str) -> list[str]:
        return [self.name] if self.world.rows.height else []

    def pipelines(self, workspace_id: str, collection: str) -> set[str]:
        self.reads["pipelines"] += 1
        return set()

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        self.reads["scaler"] += 1
        return None

    def status_history(self, workspace_id: str, strategy_name: str) -> pl.DataFrame:
        self.reads["history"] += 1
        return self.world.changes

    def calibration_mark(
        self, workspace_id: str, objective_type: str
    ) -> tuple[int, datetime] | None:
        return (1, self.newest.fitted_at) if self.newest is not None else None

    def calibration(self, workspace_id: str, objective_type: str) -> Calibration | None:
        self.reads["calibration"] += 1
        return self.newest

    def save_event(self, event: Mapping[str, Any]) -> None:
        self.save_events([event])

    def save_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        if self.busy:
            raise BackendUnavailableError("another process is writing")
        if self.full:
            raise DiskFullError("the disk has no room")
        if self.refused & {event["request_id"] for event in events}:
            raise ValueError("no such column")
        self.batches.append(len(events))
        self.events += events


class Index:
    """Knows some windows, the nearest first; keeps what it was asked."""

    remote = True

    def __init__(self, keys: list[str], error: Exception | None = None) -> None:
        self.keys = keys
        self.error = error
        self.asked: list[tuple[str, VectorFilter, int]] = []

    def nearest_windows(
        self, name: str, vector: Any, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        self.asked.append((name, where, limit))
        if self.error is not None:
            raise self.error
        hits = [WindowHit(key, f"point {key}", 1 - 0.01 * n) for n, key in enumerate(self.keys)]
        return hits[:limit]


class Embedder:
    """Keeps what it was asked to embed; a server's has a pipeline."""

    model = "m"

    def __init__(self, scale: float = 1.0, pipeline: str = "") -> None:
        self.scale = scale
        self.pipeline = pipeline
        self.asked: list[tuple[Regime, str]] = []

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        return self

    def is_remote(self, model: str) -> bool:
        return bool(self.pipeline)

    def embed_query(self, regime: Regime, side: str) -> QueryVector:
        self.asked.append((regime, side))
        return QueryVector(np.zeros(2, dtype=np.float32), self.scale)
