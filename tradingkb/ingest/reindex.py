"""Indexing stored trials again, a bounded number at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

import polars as pl

from tradingkb.domain.lifecycle import ELIGIBLE
from tradingkb.ingest.apply import BATCH, Applier
from tradingkb.ingest.plan import IDENTITY, Target, make_plan
from tradingkb.ingest.request import Progress
from tradingkb.ports import Embedder, TrialStore, VectorIndex, Workspace

#: An eligible trial may be recommended: its status says so, and its run is not withdrawn.
MAY_BE_INDEXED = pl.col("kb_status").is_in(list(ELIGIBLE)) & ~pl.col("withdrawn")


def reindex(
    store: TrialStore,
    vectors: VectorIndex,
    embedder: Embedder,
    workspace: Workspace,
    collection: str,
    trial_ids: pl.Series,
    *,
    clock: Callable[[], datetime],
    progress: Progress,
) -> Counter[str]:
    """Embeds and indexes those of some trials that are eligible and whose entry is not current.

    Returns:
        How many were inserted, updated, unarchived and skipped.
    """
    target = Target(embedder.model, embedder.pipeline, collection)
    applier = Applier(store, vectors, embedder, clock=clock)
    done: Counter[str] = Counter()
    for plan in stored_plans(store, workspace, target, trial_ids):
        work = plan.filter(pl.col("action") != "skipped")
        applier.apply(workspace, target, work, lambda *_: None)
        done.update(plan["action"].to_list())
        progress("index", done.total(), len(trial_ids))
    return done


def stored_plans(
    store: TrialStore,
    workspace: Workspace,
    target: Target,
    trial_ids: pl.Series,
    *,
    regimes: Callable[[pl.DataFrame], pl.DataFrame] = lambda trials: trials,
    lost: pl.Series | None = None,
) -> Iterator[pl.DataFrame]:
    """Plans for stored trials, a bounded number at a time, with all that applying them needs.

    Args:
        store: the truth.
        workspace: whose trials.
        target: where the index goes.
        trial_ids: which trials; those that may not be indexed are left out.
        regimes: puts regimes in that are not stored yet.
        lost: trials whose points are gone, whatever their entries say.
    """
    for start in range(0, len(trial_ids), BATCH):
        part = trial_ids.slice(start, BATCH)
        trials = regimes(store.documents(workspace.id, part).filter(MAY_BE_INDEXED))
        index = store.index_rows(workspace.id, target.collection, trials["trial_id"])
        index = index.join(trials.select("trial_id", *IDENTITY), on="trial_id")
        yield make_plan(trials, without_hashes_of(index, lost), target)


def without_hashes_of(index: pl.DataFrame, lost: pl.Series | None) -> pl.DataFrame:
    """Index rows that know no content hash of these trials, so that they are embedded again."""
    if lost is None or lost.is_empty():
        return index
    kept = pl.when(pl.col("trial_id").is_in(lost.implode())).then(pl.lit(""))
    return index.with_columns(kept.otherwise("content_hash").alias("content_hash"))
