"""Indexing stored trials again, a bounded number at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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
    for start in range(0, len(trial_ids), BATCH):
        part = trial_ids.slice(start, BATCH)
        trials = store.documents(workspace.id, part).filter(MAY_BE_INDEXED)
        index = store.index_rows(workspace.id, collection, trials["trial_id"])
        index = index.join(trials.select("trial_id", *IDENTITY), on="trial_id")
        plan = make_plan(trials, index, target)
        work = plan.filter(pl.col("action") != "skipped")
        applier.apply(workspace, target, work, lambda *_: None)
        done.update(plan["action"].to_list())
        progress("index", min(start + BATCH, len(trial_ids)), len(trial_ids))
    return done


def unfinished(
    store: TrialStore, workspace: Workspace, collection: str, pipeline: str
) -> pl.Series:
    """Ids of the eligible trials without a current entry in the collection, ascending.

    An entry that was archived by hand is current: archiving lasts until an ingest of its trial.
    """
    known = store.identities(workspace.id).filter(MAY_BE_INDEXED)
    index = store.index_rows(workspace.id, collection)
    current = index.filter((pl.col("content_hash") != "") & (pl.col("pipeline") == pipeline))
    return known.join(current, on="trial_id", how="anti")["trial_id"].sort()
