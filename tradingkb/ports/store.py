"""The port of the store: the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.domain.scaling import RegimeScaler
from tradingkb.domain.strategy import StrategySpec


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
    """One ingest run as it is stored."""

    run_id: str
    workspace_id: str
    started_at: datetime
    source: str
    finished_at: datetime | None = None
    status: str = "running"
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None


class TrialStore(Protocol):
    """The truth: workspaces, trials, windows, specs, index rows, events, runs.

    Guarantees: writes are atomic per call and visible to every process when the call returns;
    readers never wait for writers; a backend that does not answer raises
    BackendUnavailableError. Frames carry times as aware UTC.
    """

    # workspaces and specs
    def workspaces(self) -> list[Workspace]:
        """All workspaces, by slug."""

    def create_workspace(self, workspace: Workspace) -> None:
        """Raises InvalidInputError when slug or id exist."""

    def save_spec(self, workspace_id: str, spec: StrategySpec, at: datetime) -> None:
        """Inserts or replaces the spec of (name, version)."""

    def specs(self, workspace_id: str) -> list[StrategySpec]:
        """Every spec, by name; newest version of each name last."""

    # trials
    def identities(self, workspace_id: str) -> pl.DataFrame:
        """trial_id, source_type, source_id, row_hash, kb_status, window_id of every trial."""

    def window_rows(self, workspace_id: str) -> pl.DataFrame:
        """All windows: window_id, window_key, symbol, timeframe, dates, regime_is, regime_oos."""

    def param_set_rows(self, workspace_id: str, strategy_name: str | None) -> pl.DataFrame:
        """Parameter sets: param_set_id, strategy_name, params_hash, params (canonical JSON)."""

    def write_windows(self, workspace_id: str, windows: pl.DataFrame) -> None:
        """Inserts windows by window_key; fills in or replaces regimes of known ones.

        A null does not erase a known regime.
        """

    def write_param_sets(self, workspace_id: str, sets: pl.DataFrame) -> None:
        """Inserts (strategy_name, params) pairs that are not known yet."""

    def write_trials(self, workspace_id: str, trials: pl.DataFrame) -> None:
        """Inserts or replaces trials by (source_type, source_id), in one transaction.

        A stored trial keeps its status, its status history and its first ingestion time.
        """

    def partition(
        self, workspace_id: str, strategy_name: str, collection: str
    ) -> tuple[int, pl.DataFrame]:
        """The generation and all trials of one strategy, cached until the generation moves."""

    def generation(self, workspace_id: str, strategy_name: str) -> int:
        """Counts every change that could alter an answer about this strategy."""

    def trial_rows(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None
    ) -> pl.DataFrame:
        """Trials with their params, windows and statuses, newest first."""

    def strategy_names(self, workspace_id: str) -> list[str]:
        """The strategies that have trials, by name."""

    def status_history(self, workspace_id: str, strategy_name: str) -> pl.DataFrame:
        """trial_id, from_status, to_status, at, ordered by time."""

    def strategy_counts(self, workspace_id: str) -> pl.DataFrame:
        """strategy_name, n_trials, n_windows, n_param_sets, last_known_at, by name."""

    # derived state
    def index_rows(self, workspace_id: str, collection: str) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection."""

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: entries not archived and not bare."""

    def write_index(self, workspace_id: str, rows: pl.DataFrame, at: datetime) -> None:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction."""

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        """The newest scaler."""

    def save_scaler(self, workspace_id: str, scaler: RegimeScaler, at: datetime) -> None:
        """Stores a new version; an existing one is never changed."""

    # records
    def save_run(self, run: RunRecord) -> None:
        """Inserts or updates one ingest run."""

    def runs(self, workspace_id: str, limit: int) -> pl.DataFrame:
        """Ingest runs, newest first."""

    def save_event(self, event: Mapping[str, Any]) -> None:
        """Inserts one recommend event without waiting for other writers.

        Raises:
            BackendUnavailableError: it could not be written at once.
        """

    def events(
        self, workspace_id: str | None, limit: int, where: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Recommend events, newest first."""

    def close(self) -> None:
        """Releases connections."""
