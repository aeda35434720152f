"""Points that the vector index has lost."""

from __future__ import annotations

import polars as pl

from tradingkb.exceptions import EmptyCollectionError
from tradingkb.ports import TrialStore, VectorIndex, Workspace


def without_lost_points(
    store: TrialStore,
    vectors: VectorIndex,
    workspace: Workspace,
    index: pl.DataFrame,
    dimension: int,
    collection: str,
) -> pl.DataFrame:
    """The index rows, with no content hash where the point is not in the vector index.

    Counting is cheap and listing is not: the points are listed only when some are missing. A
    collection of another dimension holds none of ours.
    """
    if index.is_empty():
        return index
    held = pl.Series([], dtype=pl.String)
    try:
        same = vectors.dimension(collection) == dimension
        if same and vectors.count(collection) >= store.count_indexed(collection):
            return index
        if same:
            held = vectors.points(collection, workspace.id)["point_id"]
    except EmptyCollectionError:
        pass
    standing = pl.col("archived_at").is_null() & pl.col("reason").is_null()
    lost = standing & ~pl.col("point_id").is_in(held.implode())
    kept = pl.when(lost).then(pl.lit("")).otherwise("content_hash")
    return index.with_columns(kept.alias("content_hash"))
