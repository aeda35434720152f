"""Ports: what the jobs need from stores, vector indexes and embedders, and what each guarantees.

SQL is the truth; the vector index is derived. A search returns ids and similarities only; every
candidate is then read from SQL, and payloads of a vector index are never trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain.regime import Regime
from tradingkb.domain.scaling import RegimeScaler
from tradingkb.domain.strategy import StrategySpec

Floats32 = NDArray[np.float32]
#: Which part of a trial's window a query's regime is compared with: "before" the scored window
#: (a regime measured now is what came before the future), or "during" it (a regime that the user
#: expects is what the future will be like).
Side = Literal["before", "during"]


@dataclass(frozen=True)
class Workspace:
    """A tenant: its own trials, specs and events."""

    id: str
    slug: str
    default_embed_model: str | None
    default_collection: str | None
    config: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class VectorFilter:
    """Conditions on points. None means no condition; all given ones must hold.

    A number that a point does not have fails its condition, unless `unknown_passes`; an unknown
    overfit gap always passes, since it is `require_oos` that asks for both samples.
    """

    workspace_id: str
    strategy_name: str
    require_oos: bool = False
    max_drawdown: float | None = None
    min_trades: int | None = None
    max_overfit_gap: float | None = None
    unknown_passes: bool = False


#: The payload columns of a point, one Polars column each.
PAYLOAD = (
    "workspace_id", "strategy_name", "window_key", "has_oos", "max_drawdown", "n_trades",
    "overfit_gap",
)  # fmt: skip


@dataclass(frozen=True)
class Points:
    """A batch of points.

    Attributes:
        ids: UUID texts, length n.
        vectors: unit vectors, float32, shape (n, dimension).
        payload: n rows with the columns `PAYLOAD` (null where unknown).
    """

    ids: Sequence[str]
    vectors: Floats32
    payload: pl.DataFrame


@dataclass(frozen=True)
class WindowHit:
    """The best point of one window: its id and cosine similarity in [-1, 1]."""

    window_key: str
    point_id: str
    similarity: float


@runtime_checkable
class VectorIndex(Protocol):
    """Points in named collections.

    Guarantees: an upsert or delete has happened when the call returns, for every later search
    of any process; upserting the same point twice leaves one; searches are exact or say so by
    `exact`; results are ordered by similarity, then window key, so that equal similarities come
    in the same order from every adapter; a missing collection raises EmptyCollectionError; a
    backend that does not answer raises BackendUnavailableError.
    """

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection and its payload indexes if missing.

        Raises:
            ConfigurationError: it exists with another dimension.
        """

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name."""

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection, moving it in one step."""

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""

    def upsert(self, name: str, points: Points) -> None:
        """Writes points, replacing those of the same id."""

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points; ids that do not exist are no error."""

    def count(self, name: str, where: VectorFilter | None = None) -> int:
        """The exact number of points."""

    def nearest_windows(
        self, name: str, vector: Floats32, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        """The `limit` nearest windows, each by its nearest matching point."""

    def close(self) -> None:
        """Releases connections."""


@dataclass(frozen=True)
class TrialDocument:
    """What an embedder may look at: the regimes around a trial, and the trial as text."""

    regime_is: Regime | None
    regime_oos: Regime | None
    text: str = ""


@dataclass(frozen=True)
class QueryVector:
    """A query's unit vector and the factor that turns its dot products into similarities."""

    vector: Floats32
    scale: float = 1.0


@runtime_checkable
class Embedder(Protocol):
    """Documents and queries to unit vectors, deterministically for one `pipeline` text."""

    model: str
    dimension: int
    #: Everything besides the model that changes a vector: it is part of a trial's content hash.
    pipeline: str
    #: "regime": a vector depends on the regimes alone, so one per window serves all its trials.
    reads: Literal["regime", "text"]

    def embed_documents(self, documents: Sequence[TrialDocument]) -> Floats32:
        """Unit vectors, shape (n, dimension); a row of zeros where nothing can be embedded."""

    def embed_query(self, regime: Regime, text: str, side: Side) -> QueryVector:
        """The query's vector."""


class EmbedderFactory(Protocol):
    """Makes the embedder of a model name for one scaler version."""

    def __call__(self, model: str, scaler: RegimeScaler | None) -> Embedder:
        """Raises ConfigurationError for a model that this installation does not know."""


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
