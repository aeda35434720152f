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

    def set_active(
        self, workspace_id: str, embed_model: str | None, collection: str | None
    ) -> None:
        """Sets the model and collection of a workspace; None gives it back to the environment."""

    def save_spec(self, workspace_id: str, spec: StrategySpec, at: datetime) -> None:
        """Inserts or replaces the spec of (name, version)."""

    def specs(self, workspace_id: str) -> list[StrategySpec]:
        """Every spec, by name; newest version of each name last."""

    # trials
    def identities(self, workspace_id: str) -> pl.DataFrame:
        """One row per trial of the workspace.

        trial_id, source_type, source_id, strategy_name, row_hash, kb_status, window_id, withdrawn.
        """

    def select(self, workspace_id: str, where: Mapping[str, Any]) -> pl.DataFrame:
        """trial_id, source_type, source_id, strategy_name, kb_status, run_id, withdrawn.

        Of the trials for which every condition holds: a column of trials or windows equals the
        value, or is one of a list of any length.
        """

    def trial_ids(self, workspace_id: str, identities: pl.DataFrame) -> pl.DataFrame:
        """source_type, source_id, trial_id of those of these identities that are stored."""

    def documents(self, workspace_id: str, trial_ids: pl.Series) -> pl.DataFrame:
        """Identity, status, parameters, window, regimes and metrics of some trials, by id."""

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

        A stored trial keeps its status, its status history and its first ingestion time. What it
        said before is kept as a version of the run that said it, its index entries are marked as
        unfinished, and it is no longer withdrawn.
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

    # lifecycle
    def change_status(
        self, workspace_id: str, trial_ids: pl.Series, to: str, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Moves trials to a status, all of them or none, in one transaction with its history.

        Index entries of trials that become rejected are archived in every collection, marked as
        not yet deleted; those of trials that become promoted are marked as unfinished. Trials
        that have the status already are left alone.

        Returns:
            trial_id, strategy_name, from_status of the trials that changed.

        Raises:
            InvalidInputError: a change that is not allowed, or lacks its reason.
        """

    def archive(
        self, workspace_id: str, trial_ids: pl.Series, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Archives index entries in every collection, marked as not yet deleted.

        Returns:
            trial_id of the trials of which an entry was archived.
        """

    def history(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None
    ) -> pl.DataFrame:
        """Status changes with their trials, newest first; conditions as for `select`."""

    def pending_deletes(self, workspace_id: str) -> pl.DataFrame:
        """trial_id, collection, point_id, reason of archived entries whose point may be there."""

    def note_deletes(self, entries: pl.DataFrame, error: str | None) -> None:
        """Records how the deletion of points ended.

        Args:
            entries: trial_id, collection.
            error: None when the points are gone: the mark goes too. An entry that is no longer
                archived lost its point meanwhile and is marked as unfinished.
        """

    def withdraw_run(
        self, workspace_id: str, run_id: str, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Takes back what a run said, in one transaction: its trials go back to earlier versions.

        A trial that no other run brought is withdrawn: stored, but counting for nothing.

        Returns:
            trial_id, strategy_name, effect ("withdrawn", "reverted") of the trials that changed.

        Raises:
            NotFoundError: no such run.
        """

    def reinstate_run(
        self, workspace_id: str, run_id: str, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Undoes `withdraw_run`; effects are "reinstated" and "restored" (an earlier version left).

        Raises:
            NotFoundError: no such run.
        """

    # derived state
    def index_rows(self, workspace_id: str, collection: str) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection."""

    def index_collections(self, workspace_id: str) -> list[str]:
        """The collections in which the workspace has entries, by name."""

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: finished entries, not archived, not bare."""

    def write_index(self, workspace_id: str, rows: pl.DataFrame, at: datetime) -> pl.DataFrame:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        An entry of a trial that is not eligible (any more) is written as archived and marked as
        not yet deleted: an admin may have rejected it while it was being embedded.

        Returns:
            trial_id, collection, point_id of these.
        """

    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        """Marks entries whose point is missing or stale: the next ingest embeds them again."""

    def forget_index(self, workspace_id: str, collection: str) -> None:
        """Marks every entry of the collection as unfinished: a re-embedding begins."""

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        """The newest scaler."""

    def save_scaler(self, workspace_id: str, scaler: RegimeScaler, at: datetime) -> None:
        """Stores a new version; an existing one is never changed."""

    # leases
    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> str | None:
        """Takes or renews a lease.

        Returns:
            None when `holder` has it now, else who has it.
        """

    def break_lease(self, name: str, holder: str) -> None:
        """Ends the lease of a holder, if it is still theirs."""

    # records
    def save_run(self, run: RunRecord) -> None:
        """Inserts or updates one ingest run."""

    def runs(self, workspace_id: str, limit: int | None) -> pl.DataFrame:
        """Runs, newest first; counts as JSON text."""

    def close_runs(self, workspace_id: str, at: datetime) -> None:
        """Marks runs that are still `running` as `interrupted`: nobody runs them any more."""

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
