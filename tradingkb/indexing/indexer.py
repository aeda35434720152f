"""Indexing stored trials again, a bounded number at a time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import polars as pl

from tradingkb.domain import ELIGIBLE, IndexTarget
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.indexing.apply import BATCH, Applier, IndexedStore
from tradingkb.indexing.plan import IDENTITY, Recipe, make_plan
from tradingkb.indexing.points import PointRemover
from tradingkb.ports import Embedder, EmbedderFactory, VectorIndex
from tradingkb.progress import Progress

#: The alias that always points at the active collection.
ALIAS: Final = "kb_trials"
#: An eligible trial may be recommended: its status says so, and its run is not withdrawn.
MAY_BE_INDEXED = pl.col("kb_status").is_in(list(ELIGIBLE)) & ~pl.col("withdrawn")


class Indexer:
    """Brings entries of the vector index up to date; what every change of it goes through."""

    def __init__(
        self,
        store: IndexedStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """Wires it.

        Args:
            store: the truth.
            vectors: the index derived from it.
            embedders: makes the embedder of a model.
            clock: aware UTC time.
            new_id: makes ids of runs and of failures.
        """
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.clock = clock
        self.new_id = new_id
        self.remover = PointRemover(store, vectors, new_id)

    def embedder(self, target: IndexTarget) -> Embedder:
        """The target's embedder, with the workspace's scaler.

        Raises:
            ConfigurationError: an unknown model.
        """
        return self.embedders(target.model, self.store.scaler(target.workspace.id))

    def applier(self, target: IndexTarget, embedder: Embedder) -> Applier:
        """What applies plans to a target."""
        return Applier(self.store, self.vectors, target, embedder, self.remover, clock=self.clock)

    def reindex(
        self, target: IndexTarget, trial_ids: pl.Series, progress: Progress = lambda *_: None
    ) -> Counter[str]:
        """Indexes those of some trials that are eligible and whose entry is not current.

        Returns:
            How many were inserted, updated, unarchived and skipped.

        Raises:
            UnembeddableError: the model makes no vectors of some windows; all others are done.
        """
        embedder = self.embedder(target)
        applier, recipe = self.applier(target, embedder), Recipe.of(embedder, target.collection)
        done: Counter[str] = Counter()

        def within(step: str, n: int, of: int) -> None:
            if n < of:  # the end of a plan is told once it counts
                progress(step, done.total() + n, len(trial_ids))

        for plan in stored_plans(
            self.store,
            target.workspace.id,
            recipe,
            trial_ids,
            by_window=embedder.batch is not None,
        ):
            applier.apply(plan.filter(pl.col("action") != "skipped"), within)
            done.update(plan["action"].to_list())
            progress("index", done.total(), len(trial_ids))
        applier.finish()
        return done

    def set_alias(self, collection: str) -> None:
        """Points `kb_trials` at a collection, if that exists."""
        if self.vectors.dimension(collection) is None:
            return
        # Another process may drop it at any moment.
        with contextlib.suppress(EmptyCollectionError):
            if self.vectors.alias(ALIAS) != collection:
                self.vectors.set_alias(ALIAS, collection)


def stored_plans(
    store: IndexedStore,
    workspace_id: str,
    recipe: Recipe,
    trial_ids: pl.Series,
    *,
    regimes: Callable[[pl.DataFrame], pl.DataFrame] = lambda trials: trials,
    lost: pl.Series | None = None,
    by_window: bool = False,
) -> Iterator[pl.DataFrame]:
    """Plans for stored trials, a bounded number at a time, with all that applying them needs.

    Args:
        store: the truth.
        workspace_id: whose trials.
        recipe: how their entries are made.
        trial_ids: which trials; those that may not be indexed are left out.
        regimes: puts regimes in that are not stored yet.
        lost: trials whose points are gone, whatever their entries say.
        by_window: trials of one window stand together, so that what is done is done for good when
            the rest is not.
    """
    if by_window:
        trial_ids = _by_window(store, workspace_id, trial_ids)
    for start in range(0, len(trial_ids), BATCH):
        part = trial_ids.slice(start, BATCH)
        trials = regimes(store.documents(workspace_id, part).filter(MAY_BE_INDEXED))
        index = store.index_rows(workspace_id, recipe.collection, trials["trial_id"])
        index = index.join(trials.select("trial_id", *IDENTITY), on="trial_id")
        yield make_plan(trials, without_hashes_of(index, lost), recipe)


def _by_window(store: IndexedStore, workspace_id: str, trial_ids: pl.Series) -> pl.Series:
    """These trials, ordered by their windows; as they are where one plan holds them all."""
    if len(trial_ids) <= BATCH:
        return trial_ids
    windows = store.identities(workspace_id).select("trial_id", "window_id")
    ids = trial_ids.rename("trial_id").to_frame()
    return ids.join(windows, on="trial_id").sort("window_id", "trial_id")["trial_id"]


def without_hashes_of(index: pl.DataFrame, lost: pl.Series | None) -> pl.DataFrame:
    """Index rows that know no content hash of these trials, so that they are embedded again."""
    if lost is None or lost.is_empty():
        return index
    kept = pl.when(pl.col("trial_id").is_in(lost.implode())).then(pl.lit(""))
    return index.with_columns(kept.otherwise("content_hash").alias("content_hash"))
