"""What SQL says about a collection, beside what the collection holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.indexing.apply import BATCH, IndexedStore, with_payload
from tradingkb.indexing.indexer import MAY_BE_INDEXED
from tradingkb.indexing.plan import Recipe, content_hashes
from tradingkb.ports import PAYLOAD, PAYLOAD_VERSION, Embedder, VectorIndex

#: Payload numbers that differ by less were rounded on the way.
_SAME: Final = 1e-9
_NUMBERS: Final = ("max_drawdown", "overfit_gap")


@dataclass(frozen=True)
class Differences:
    """Where a workspace's entries and points of one collection disagree.

    Attributes:
        expected: points that SQL says are there.
        held: points that are there.
        missing: trial ids, said to have a point that is not there.
        stale: trial ids whose point or content hash is not that of the trial as it is.
        outdated: trial ids whose entry is as an earlier release made it, of the trial as it is: the
            next ingest embeds it again.
        unfinished: trial ids without a current entry (of the active collection), or with an entry
            that should be archived.
        orphaned: point ids that no standing entry names.
        pending: archived entries whose point is not known to be gone.
    """

    expected: int
    held: int
    missing: pl.Series
    stale: pl.Series
    outdated: pl.Series
    unfinished: pl.Series
    orphaned: pl.Series
    pending: int


def compare(
    store: IndexedStore,
    vectors: VectorIndex,
    target: IndexTarget,
    embedder: Embedder | None,
) -> Differences:
    """Compares entries with points.

    Args:
        store: the truth.
        vectors: what is derived from it.
        target: whose entries and points, of which collection.
        embedder: of the active collection; None for any other one, where entries are only held
            against points: what has changed since is not embedded into it any more.
    """
    workspace_id, collection = target.workspace.id, target.collection
    known = store.identities(workspace_id)
    eligible = known.filter(MAY_BE_INDEXED)
    entries = store.index_rows(workspace_id, collection)
    standing = entries.filter(pl.col("archived_at").is_null())
    finished = standing.filter(
        pl.col("reason").is_null()
        & (pl.col("content_hash") != "")
        & pl.col("trial_id").is_in(eligible["trial_id"].implode())
    )
    points = _points(vectors, workspace_id, collection)
    ghosts = standing.join(eligible, on="trial_id", how="anti")["trial_id"]
    current = entries.filter(pl.col("content_hash") != "")
    undone = eligible.join(current, on="trial_id", how="anti")["trial_id"] if embedder else ghosts
    with_point = standing.filter(pl.col("reason").is_null())["point_id"]
    stale = outdated = ghosts.head(0)
    if embedder is not None:
        recipe = Recipe.of(embedder, collection)
        held = finished.join(points, on="point_id", how="semi")
        trials = as_hashed(store, workspace_id, eligible)
        outdated = _outdated(trials, held, recipe)
        held = held.filter(~pl.col("trial_id").is_in(outdated.implode()))
        stale = _stale(store, workspace_id, trials, held, points, recipe)
    return Differences(
        expected=finished.height,
        held=points.height,
        missing=finished.join(points, on="point_id", how="anti")["trial_id"],
        stale=stale,
        outdated=outdated,
        unfinished=pl.concat([undone, ghosts]).unique(),
        orphaned=points.filter(~pl.col("point_id").is_in(with_point.implode()))["point_id"],
        pending=store.pending_deletes(workspace_id)
        .filter(pl.col("collection") == collection)
        .height,
    )


def _points(vectors: VectorIndex, workspace_id: str, collection: str) -> pl.DataFrame:
    try:
        return vectors.points(collection, workspace_id)
    except EmptyCollectionError:
        return pl.DataFrame(schema={"point_id": pl.String})


def as_hashed(store: IndexedStore, workspace_id: str, eligible: pl.DataFrame) -> pl.DataFrame:
    """Trials with what their content hashes are made of, by id."""
    windows = store.window_rows(workspace_id)
    regimes = windows.select("window_id", "window_key", "regime_is", "regime_oos")
    return eligible.join(regimes, on="window_id").sort("trial_id")


def _outdated(trials: pl.DataFrame, held: pl.DataFrame, recipe: Recipe) -> pl.Series:
    """Trials whose entry follows an earlier definition of payloads, and that have not changed.

    What such a definition said, this release cannot compare: the hash vouches for it.
    """
    found = [held["trial_id"].head(0)]
    for (pipeline,), entries in held.group_by("pipeline"):
        earlier = replace(recipe, pipeline=str(pipeline))
        if earlier != recipe and PAYLOAD_VERSION not in earlier.pipeline.split("/"):
            theirs = trials.join(entries, on="trial_id", how="semi")
            found.append(same_hashes(theirs, entries, earlier)["trial_id"])
    return pl.concat(found).sort()


def same_hashes(trials: pl.DataFrame, entries: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """The entries with the content hashes that these trials have by a recipe."""
    hashed = trials.select("trial_id").with_columns(content_hashes(trials, recipe).alias("now"))
    return entries.join(hashed, on="trial_id").filter(pl.col("content_hash") == pl.col("now"))


def _stale(
    store: IndexedStore,
    workspace_id: str,
    trials: pl.DataFrame,
    held: pl.DataFrame,
    points: pl.DataFrame,
    recipe: Recipe,
) -> pl.Series:
    """Trials whose entry has another hash, or whose point has another payload, than they should."""
    same = same_hashes(trials, held, recipe)
    other = held.join(same, on="trial_id", how="anti")
    found = [other["trial_id"], *_other_payloads(store, workspace_id, held, points)]
    return pl.concat(found).unique().sort()


def _other_payloads(
    store: IndexedStore, workspace_id: str, held: pl.DataFrame, points: pl.DataFrame
) -> Iterator[pl.Series]:
    for start in range(0, held.height, BATCH):
        part = held.slice(start, BATCH)
        trials = store.documents(workspace_id, part["trial_id"])
        rows = part.select("trial_id", "point_id").join(trials, on="trial_id")
        ours = rows.select("trial_id", "point_id").hstack(with_payload(rows, workspace_id))
        both = ours.join(points, on="point_id", suffix="_there")
        same = [_agree(name) for name in PAYLOAD if name != "workspace_id"]
        yield both.filter(~pl.all_horizontal(same))["trial_id"]


def _agree(name: str) -> pl.Expr:
    ours, there = pl.col(name), pl.col(f"{name}_there")
    if name not in _NUMBERS:
        return ours.eq_missing(there)
    near = ((ours - there).abs() <= _SAME).fill_null(False)
    return near | (ours.is_null() & there.is_null())
