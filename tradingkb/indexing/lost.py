"""Points that the vector index has lost."""

from __future__ import annotations

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.ports import TrialStore, VectorIndex


def lost_trials(
    store: TrialStore, vectors: VectorIndex, target: IndexTarget, dimension: int
) -> pl.Series:
    """Ids of the trials whose point SQL says is there, and is not.

    Counting is cheap and listing is not: the points are listed only when some are missing. A
    collection of another dimension holds none of ours.
    """
    workspace_id, collection = target.workspace.id, target.collection
    held = pl.Series([], dtype=pl.String)
    try:
        expected = store.count_indexed(collection)
        same = vectors.dimension(collection) == dimension
        if not expected or (same and vectors.count(collection) >= expected):
            return pl.Series([], dtype=pl.Int64)
        if same:
            held = vectors.points(collection, workspace_id)["point_id"]
    except EmptyCollectionError:
        pass
    standing = pl.col("archived_at").is_null() & pl.col("reason").is_null()
    entries = store.index_rows(workspace_id, collection).filter(standing)
    return entries.filter(~pl.col("point_id").is_in(held.implode()))["trial_id"]
