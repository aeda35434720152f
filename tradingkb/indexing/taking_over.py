"""Entries of a collection that was made of a snapshot: what is known of the old one still holds.

The content hash of an entry names its collection, so it is made anew, for trials that are what they
were when the snapshot was taken. Killed anywhere, entries are left that the next ingest makes anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import polars as pl

from tradingkb.domain import REGIME_SCHEMA_VERSION
from tradingkb.indexing.apply import BATCH, IndexedStore
from tradingkb.indexing.compare import as_hashed, same_hashes
from tradingkb.indexing.indexer import MAY_BE_INDEXED
from tradingkb.indexing.plan import Recipe, content_hashes
from tradingkb.ports import VectorIndex


class KeptStore(IndexedStore, Protocol):
    """What taking entries over needs of a store."""


def take_over(
    store: KeptStore,
    vectors: VectorIndex,
    name: str,
    into: str,
    *,
    model: str | None,
    before: datetime,
    clock: Callable[[], datetime],
) -> int:
    """Makes the entries of a recovered collection.

    Args:
        store: the truth.
        vectors: holds the points.
        name: the collection that the snapshot was taken of.
        into: the recovered one.
        model: that made its vectors; None where several did, and nothing is taken over.
        before: when the snapshot was taken: later entries are of later points.
        clock: aware UTC time.

    Returns:
        How many of its points are current.
    """
    store.copy_index(name, into, before)
    for workspace_id in sorted({space for space, found in store.index_places() if found == into}):
        entries = store.index_rows(workspace_id, into)
        entries = entries.filter(pl.col("archived_at").is_null() & (pl.col("content_hash") != ""))
        current = _current(store, vectors, workspace_id, entries, model, (name, into))
        gone = entries.join(current, on="trial_id", how="anti")["trial_id"]
        store.mark_unfinished(workspace_id, gone, into)
        for part in current.iter_slices(BATCH):
            store.write_index(workspace_id, part, clock())
    return store.count_indexed(into)


def _current(
    store: KeptStore,
    vectors: VectorIndex,
    workspace_id: str,
    entries: pl.DataFrame,
    model: str | None,
    collections: tuple[str, str],
) -> pl.DataFrame:
    """The entries whose trial is what it was and whose point is there, for the new collection."""
    name, into = collections
    held = vectors.points(into, workspace_id)["point_id"]
    there = pl.col("point_id").is_in(held.implode()) | pl.col("reason").is_not_null()
    eligible = store.identities(workspace_id).filter(MAY_BE_INDEXED)
    trials = as_hashed(store, workspace_id, eligible)
    found = [_rows(trials.head(0), entries.head(0), Recipe("", "", into))]
    for (pipeline,), part in entries.filter(there).group_by("pipeline"):
        if model is None:
            continue
        recipe = Recipe(model, str(pipeline), name)
        mine = trials.join(part, on="trial_id", how="semi")
        same = same_hashes(mine, part, recipe)
        found.append(_rows(mine, same, Recipe(model, str(pipeline), into)))
    return pl.concat(found)


def _rows(trials: pl.DataFrame, entries: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Entries of these trials by another recipe, as `write_index` takes them."""
    trials = trials.join(entries, on="trial_id", how="semi")
    hashed = trials.select("trial_id", "strategy_name", "row_hash", "kb_status").with_columns(
        content_hashes(trials, recipe)
    )
    return (
        entries.drop("content_hash", "pipeline", "now", strict=False)
        .join(hashed, on="trial_id")
        .select(
            "trial_id",
            "strategy_name",
            "point_id",
            "content_hash",
            "row_hash",
            "kb_status",
            pl.lit(recipe.collection).alias("collection"),
            pl.lit(recipe.model).alias("embed_model"),
            pl.lit(recipe.pipeline).alias("pipeline"),
            pl.lit(REGIME_SCHEMA_VERSION).alias("regime_schema_version"),
            "archived_at",
            "reason",
        )
    )
