"""The ports of trials, and of what they share: windows, parameter sets, scalers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

import polars as pl

from tradingkb.domain import RegimeScaler
from tradingkb.ports.values import Partition, PartitionNews

T = TypeVar("T")


class TransactionStore(Protocol):
    """Several calls as one transaction."""

    def reading(self) -> AbstractContextManager[None]:
        """What this thread reads inside shares one transaction, so that many reads cost one."""

    def writing(self) -> AbstractContextManager[None]:
        """What this thread reads and writes inside is one transaction.

        All of it is written at the end, or on any error nothing. Others may wait for it: nothing
        that takes time belongs inside.
        """

    def in_one(self, write: Callable[[], T]) -> T:
        """Runs a function as `writing`, and again where the database undid it for another's sake.

        What it does apart from the store must bear being done twice.
        """

    def unhurried(self) -> AbstractContextManager[None]:
        """What this thread asks of the store inside has no deadline: long work, not a question."""


class IdentityStore(Protocol):
    """Which trials there are."""

    def count_trials(self, workspace_id: str, at_most: int | None = None) -> int:
        """How many trials are stored, whatever their status; counts no further than `at_most`."""

    def populated(self) -> set[str]:
        """Ids of the workspaces with a trial, whatever its status."""

    def identities(self, workspace_id: str, among: pl.DataFrame | None = None) -> pl.DataFrame:
        """One row per trial of the workspace, or of those with these (source_type, source_id).

        trial_id, source_type, source_id, strategy_name, row_hash, kb_status, window_id,
        param_set_id, withdrawn.
        """

    def trial_ids(self, workspace_id: str, identities: pl.DataFrame) -> pl.DataFrame:
        """source_type, source_id, trial_id of those of these identities that are stored."""


class DocumentStore(Protocol):
    """What an embedding reads of trials."""

    def documents(self, workspace_id: str, trial_ids: pl.Series) -> pl.DataFrame:
        """Identity, status, parameters, window, regimes and metrics of some trials, by id."""


class SelectionStore(Protocol):
    """Trials by conditions."""

    def select(self, workspace_id: str, where: Mapping[str, Any]) -> pl.DataFrame:
        """trial_id, source_type, source_id, strategy_name, kb_status, run_id, withdrawn.

        Of the trials for which every condition holds: a column of trials or windows equals the
        value, or is one of a list of any length.
        """

    def find_experiments(self, workspace_id: str, experiments: pl.DataFrame) -> pl.DataFrame:
        """The stored trials of these experiments, given by params_hash and window_key.

        Returns:
            params_hash, window_key, trial_id, source_type, source_id, strategy_name,
            strategy_version, engine, cost_bps, kb_status, known_at, run_id, withdrawn.
        """


class ContentStore(Protocol):
    """What trials refer to."""

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
        self,
        workspace_id: str,
        strategy_name: str | None = None,
        among: pl.DataFrame | None = None,
        *,
        ids: pl.Series | None = None,
    ) -> pl.DataFrame:
        """Parameter sets: param_set_id, strategy_name, params_hash, params (canonical JSON).

        All of them, those of a strategy, those with these (strategy_name, params_hash), or those
        with these ids.
        """

    def scaler(self, workspace_id: str) -> RegimeScaler | None:
        """The newest scaler."""


class WholeStore(Protocol):
    """Everything that is stored of trials, to be looked at slice by slice."""

    def said_ids(self, workspace_id: str, *, versions: bool) -> pl.Series:
        """What there is to be looked at, as sorted numbers; see `said`."""

    def said(self, workspace_id: str, ids: pl.Series, *, versions: bool) -> pl.DataFrame:
        """What trials say, or what other runs said of them, whatever their status.

        Args:
            workspace_id: whose.
            ids: some of `said_ids`.
            versions: what other runs said, instead of the trials themselves.

        Returns:
            By id: id, trial_id, window_id, run_id, row_hash, and everything that it was taken of;
            null for what is not to be found any more.

        Raises:
            StoreDamagedError: a value is of another type than its column.
        """

    def mark_damaged(self, workspace_id: str, trial_ids: pl.Series) -> None:
        """Makes the next ingest of their source take these trials anew, though it says the same.

        What they say now is not kept as a version.
        """

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the file as a database, the first findings; none for a server's."""


class WriterStore(Protocol):
    """Trials, and what they refer to, going in."""

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

    def save_scaler(self, workspace_id: str, scaler: RegimeScaler, at: datetime) -> None:
        """Stores a new version; an existing one is never changed."""


class PartitionStore(Protocol):
    """All that counts for answers about one strategy."""

    def generation(self, workspace_id: str, strategy_name: str) -> int:
        """Counts every change that could alter an answer about this strategy."""

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

    def partitions(
        self, workspace_id: str, strategy_names: Sequence[str], collection: str
    ) -> dict[str, Partition]:
        """What `partition` says of many strategies, in one snapshot; each name has one."""

    def trial_counts(self, workspace_id: str, strategy_names: Sequence[str]) -> dict[str, int]:
        """How many trials each of these strategies has, withdrawn ones too; those with any."""

    def trial_versions(
        self, workspace_id: str, strategy_name: str, collection: str
    ) -> pl.DataFrame:
        """All that runs said about the strategy's trials of which several runs said something.

        Withdrawn trials, and what withdrawn runs said, are left out. A trial that was or is of the
        strategy is there with everything, by trial_id and time.

        Returns:
            The columns of a partition, strategy_name, since (when the run that said it started,
            null where no record of it is left), stands (whether it is what the trial says now).
        """

    def status_history(self, workspace_id: str, strategy_name: str) -> pl.DataFrame:
        """trial_id, from_status, to_status, at, ordered by time."""


class ListingStore(Protocol):
    """Trials and strategies as people look at them."""

    def trial_rows(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None
    ) -> pl.DataFrame:
        """Trials with their params, windows and statuses, newest first."""

    def strategy_names(self, workspace_id: str) -> list[str]:
        """The strategies that have trials, by name."""

    def strategy_counts(self, workspace_id: str) -> pl.DataFrame:
        """strategy_name, n_trials, n_windows, n_param_sets, last_known_at, by name."""
