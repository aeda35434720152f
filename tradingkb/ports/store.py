"""The port of the store: the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.domain import RegimeScaler, StrategySpec, Workspace
from tradingkb.ports.backup import BackupStore
from tradingkb.ports.calibration import CalibrationStore
from tradingkb.ports.curation import CurationStore
from tradingkb.ports.values import Partition, PartitionNews, RunRecord


class TrialStore(BackupStore, CalibrationStore, CurationStore, Protocol):
    """The truth: workspaces, trials, windows, specs, index rows, events, runs.

    Guarantees: writes are atomic per call and visible to every process when the call returns;
    readers never wait for writers; a backend that does not answer raises
    BackendUnavailableError. Frames carry times as aware UTC.
    """

    def reading(self) -> AbstractContextManager[None]:
        """What this thread reads inside shares one transaction, so that many reads cost one."""

    def writing(self) -> AbstractContextManager[None]:
        """What this thread reads and writes inside is one transaction.

        All of it is written at the end, or on any error nothing. Others may wait for it: nothing
        that takes time belongs inside.
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

    def specs(self, workspace_id: str, name: str | None = None) -> list[StrategySpec]:
        """Every spec, or those of one name, by name; newest version of each name last."""

    # trials
    def count_trials(self, workspace_id: str, at_most: int | None = None) -> int:
        """How many trials are stored, whatever their status; counts no further than `at_most`."""

    def identities(self, workspace_id: str, among: pl.DataFrame | None = None) -> pl.DataFrame:
        """One row per trial of the workspace, or of those with these (source_type, source_id).

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

    def window_rows(
        self,
        workspace_id: str,
        among: pl.Series | None = None,
        *,
        keys: pl.Series | None = None,
    ) -> pl.DataFrame:
        """Windows: window_id, window_key, symbol, timeframe, dates, regime_is, regime_oos.

        All of them, or those of some ids or of some window keys.
        """

    def regimes_reach(self, workspace_id: str, n: int) -> bool:
        """Whether at least n windows have a regime."""

    def param_set_rows(
        self, workspace_id: str, strategy_name: str | None, among: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Parameter sets: param_set_id, strategy_name, params_hash, params (canonical JSON).

        All of them, those of a strategy, or those with these (strategy_name, params_hash).
        """

    def write_windows(self, workspace_id: str, windows: pl.DataFrame) -> None:
        """Inserts windows by window_key; fills in or replaces regimes of known ones.

        A null does not erase a known regime.
        """

    def write_param_sets(self, workspace_id: str, sets: pl.DataFrame) -> None:
        """Inserts (strategy_name, params) pairs that are not known yet."""

    def write_trials(self, workspace_id: str, trials: pl.DataFrame) -> pl.DataFrame:
        """Inserts or replaces trials by (source_type, source_id), in one transaction.

        A stored trial keeps its status, its status history and its first ingestion time. What it
        said before is kept as a version of the run that said it, its index entries are marked as
        unfinished, and it is no longer withdrawn.

        Returns:
            strategy_name, generation: of the strategies that it changed, afterwards.
        """

    def partition(
        self,
        workspace_id: str,
        strategy_name: str,
        collection: str,
        known: Partition | None = None,
    ) -> PartitionNews:
        """What has become of one strategy's trials since `known`; all of them without it.

        Whatever their status, withdrawn ones left out; read in one snapshot with the generation.
        Who keeps partitions, and how many, is the reader's business.
        """

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

    def find_experiments(self, workspace_id: str, experiments: pl.DataFrame) -> pl.DataFrame:
        """The stored trials of these experiments, given by params_hash and window_key.

        Returns:
            params_hash, window_key, trial_id, source_type, source_id, strategy_name,
            strategy_version, engine, cost_bps, kb_status, known_at, run_id, withdrawn.
        """

    # derived state
    def index_rows(
        self, workspace_id: str, collection: str, trial_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection.

        Of all trials, or of some.
        """

    def unfinished(
        self, workspace_id: str, collection: str, pipeline: str, *, note: bool = True
    ) -> pl.DataFrame:
        """trial_id, source_type, source_id, strategy_name of what is left to index.

        Those are the eligible trials without an entry in the collection, with one that is marked
        as unfinished, or one of another pipeline. Strategies that were found to have none, and
        have not changed since, are not looked at again (`note` records what is found now).
        """

    def index_collections(self, workspace_id: str) -> list[str]:
        """The collections in which the workspace has entries, by name."""

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: finished entries, not archived, not bare."""

    def write_index(
        self,
        workspace_id: str,
        rows: pl.DataFrame,
        at: datetime,
        since: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        `rows` says which `row_hash` and `kb_status` of each trial were embedded. An entry of a
        trial that is no longer so is marked as unfinished. One of a trial that is not eligible
        (any more) is written as archived and marked as not yet deleted: an admin may have rejected
        it while it was being embedded.

        Args:
            workspace_id: whose entries.
            rows: the entries, of one collection.
            at: when they are written.
            since: what `write_trials` returned, where `rows` are the entries of all eligible
                trials that it wrote. A strategy that was found finished before them, and that
                nothing else has changed since, is then recorded as finished again, so that
                `unfinished` need not look through it.

        Returns:
            trial_id, collection, point_id of those that are not eligible.
        """

    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        """Marks entries whose point is missing or stale: the next ingest embeds them again.

        Archived entries stay as they are: archiving lasts until an ingest of the trial.
        """

    def forget_index(self, workspace_id: str, collection: str) -> None:
        """Marks every entry of the collection as unfinished, except archived ones."""

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        """The newest scaler."""

    def save_scaler(self, workspace_id: str, scaler: RegimeScaler, at: datetime) -> None:
        """Stores a new version; an existing one is never changed."""

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

    def save_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Inserts several at once as `save_event` does: all of them, or on any error none."""

    def events(
        self, workspace_id: str | None, limit: int, where: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Recommend events, newest first."""

    def close(self) -> None:
        """Releases connections."""
