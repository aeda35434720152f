"""What the store says of a run's trials before the run, read in one transaction.

An ingest of one trial reads what concerns that trial, however much is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from tradingkb.domain import IndexTarget, RegimeScaler, StrategySpec
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.importers import Batch
from tradingkb.indexing import IDENTITY, Indexer, LossWatch
from tradingkb.ingest import window_regimes as w
from tradingkb.ingest.identity import Others, read_others
from tradingkb.ports import (
    ContentStore,
    DeletionStore,
    DocumentStore,
    IdentityStore,
    IndexStore,
    RunStore,
    SelectionStore,
    TransactionStore,
    WithdrawalStore,
    WriterStore,
)

#: Above so many stored trials per incoming one, theirs alone are looked up.
_FEW: Final = 4


class IngestStore(
    TransactionStore,
    IdentityStore,
    DocumentStore,
    SelectionStore,
    ContentStore,
    WriterStore,
    IndexStore,
    DeletionStore,
    WithdrawalStore,
    RunStore,
    Protocol,
):
    """What an ingest needs of a store."""


@dataclass(frozen=True)
class Before:
    """What is stored of the trials in scope, before the run.

    Attributes:
        known: identities of the stored trials, at least of those of the source.
        taken_back: trial_id, row_hash of what withdrawn runs said of them.
        windows: the windows of the trials in scope; all of the workspace where `all_windows`.
        all_windows: whether a scaler may have to be fitted, or stored trials are indexed.
        scaler: in force.
        index: index rows of the trials in scope.
        lost: ids of trials whose points are gone.
        pending: archived entries whose points may still be there.
        others: of ids that belong to other experiments, and the other way round.
    """

    known: pl.DataFrame
    taken_back: pl.DataFrame
    windows: pl.DataFrame
    all_windows: bool
    scaler: RegimeScaler | None
    index: pl.DataFrame
    lost: pl.Series
    pending: pl.DataFrame
    others: Others | None = None


def read_before(
    store: IngestStore,
    indexer: Indexer,
    watch: LossWatch,
    target: IndexTarget,
    batch: Batch | None,
    specs: Sequence[StrategySpec] = (),
    *,
    measuring: bool,
) -> Before:
    """Reads it.

    Args:
        store: the trials.
        indexer: what the index is changed with.
        watch: looks for lost points.
        target: where the vectors go.
        batch: what the source held, None when the stored trials are indexed.
        specs: of the workspace.
        measuring: whether there are prices, from which any window may get a regime.

    Raises:
        ConfigurationError: an unknown model.
    """
    space = target.workspace.id
    with store.reading():
        few = _is_few(store, space, batch)
        known = store.identities(space, batch.trials.select(IDENTITY) if batch and few else None)
        scaler = store.scaler(space)
        windows, all_windows = _windows(store, space, batch, scaler, measuring)
        dimension = _dimension(indexer, target, scaler)
        return Before(
            known=known,
            taken_back=store.taken_back(space, known["trial_id"] if few else None),
            windows=windows,
            all_windows=all_windows,
            scaler=scaler,
            index=_index(store, target, batch, known),
            lost=watch.lost_trials(target, dimension, always=not few),
            pending=store.pending_deletes(space),
            others=read_others(store, space, batch, known, windows, specs) if batch else None,
        )


def _dimension(indexer: Indexer, target: IndexTarget, scaler: RegimeScaler | None) -> int:
    """That of the model; where its server does not answer, that of the vectors which are there.

    The trials are stored then, and what embeds them says that it cannot.
    """
    try:
        return indexer.embedders(target.model, scaler).dimension
    except BackendUnavailableError:
        return indexer.vectors.dimension(target.collection) or 0


def _is_few(store: IngestStore, workspace_id: str, batch: Batch | None) -> bool:
    if batch is None:
        return False
    many = batch.trials.height * _FEW
    return store.count_trials(workspace_id, at_most=many + 1) > many


def _windows(
    store: IngestStore,
    workspace_id: str,
    batch: Batch | None,
    scaler: RegimeScaler | None,
    measuring: bool,
) -> tuple[pl.DataFrame, bool]:
    """The windows in scope, and whether they are all there are."""
    if batch is None:
        return store.window_rows(workspace_id), True
    windows = store.window_rows(workspace_id, keys=batch.trials["window_key"])
    missing = w.refit_at(scaler) - w.count_fresh(batch.trials, windows, measuring=measuring)
    if missing <= 0 or store.regimes_reach(workspace_id, missing):
        return store.window_rows(workspace_id), True
    return windows, False


def _index(
    store: IngestStore, target: IndexTarget, batch: Batch | None, known: pl.DataFrame
) -> pl.DataFrame:
    everything = batch is None or known.height > batch.trials.height
    ids = None if everything else known["trial_id"]
    rows = store.index_rows(target.workspace.id, target.collection, ids)
    return rows.join(known.select("trial_id", *IDENTITY), on="trial_id")
