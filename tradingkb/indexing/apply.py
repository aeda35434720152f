"""Applying a plan: vectors first and confirmed, then the index rows in one short transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import polars as pl

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain import (
    REGIME_SCHEMA_VERSION,
    IndexTarget,
    point_id,
)
from tradingkb.exceptions import UnembeddableError
from tradingkb.indexing.plan import IDENTITY, Recipe
from tradingkb.indexing.points import PointRemover
from tradingkb.indexing.window_vectors import WindowVectors
from tradingkb.ports import (
    PAYLOAD,
    ContentStore,
    DeletionStore,
    DocumentStore,
    Embedder,
    IdentityStore,
    IndexStore,
    Points,
    VectorIndex,
)
from tradingkb.progress import Progress

#: Trials that are written, or read, at one time.
BATCH: Final = 20_000
#: The reason of entries that have no point, because nothing says in which market they were tried.
NO_REGIME: Final = "no_regime"
#: What a plan of trials from a file has, and one of stored trials lacks.
_FROM_FILE: Final = frozenset({"strategy_name", "sharpe_is", "params", "symbol"})


class IndexedStore(IndexStore, DeletionStore, IdentityStore, DocumentStore, ContentStore, Protocol):
    """What indexing needs of a store: entries, and what is embedded."""


class Applier:
    """Brings the vector index and its rows to a plan."""

    def __init__(
        self,
        store: IndexedStore,
        vectors: VectorIndex,
        target: IndexTarget,
        embedder: Embedder,
        remover: PointRemover,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Takes where it writes, and what makes vectors; made for one run."""
        self._store = store
        self._vectors = vectors
        self._workspace_id = target.workspace.id
        self._dimension = embedder.dimension
        self._made = WindowVectors(embedder)
        self._recipe = Recipe.of(embedder, target.collection)
        self._remover = remover
        self._clock = clock
        #: Of each window without a vector: a trial of it, and why.
        self._refused: dict[str, tuple[str, str]] = {}

    def apply(
        self, work: pl.DataFrame, progress: Progress, since: pl.DataFrame | None = None
    ) -> None:
        """Embeds and indexes the trials of a plan; trials without a regime get no point.

        In parts, each of which is stored and confirmed before the next one is embedded: whoever is
        killed, or whose embedder fails, loses one of them.

        Args:
            work: a plan: identity, window_key, regime_is, regime_oos, content_hash, action.
            progress: told after each part.
            since: what `write_trials` returned, where `work` is of all that it wrote.

        Windows of which the model makes no vectors are left out, which `finish` tells.
        """
        self._vectors.ensure_collection(self._recipe.collection, self._dimension)
        done = 0
        for part in self._made.parts(work, BATCH):
            done += part.height
            self._apply_part(self._completed(part), since if part.height == work.height else None)
            progress("index", done, work.height)

    def finish(self) -> None:
        """Tells what was left out; the next run tries it again.

        Raises:
            UnembeddableError: the model made no vectors of some windows.
        """
        if self._refused:
            names = [f"the window of trial {trial!r}" for trial, _ in self._refused.values()]
            why = {n: why for n, (_, why) in enumerate(self._refused.values())}
            raise UnembeddableError(self._recipe.model, why, names)

    def _completed(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with trial ids and with everything that embeddings and payloads need."""
        if "trial_id" not in batch.columns or batch["trial_id"].null_count():
            ids = self._store.trial_ids(self._workspace_id, batch)
            batch = batch.drop("trial_id", strict=False).join(
                ids, on=IDENTITY, maintain_order="left"
            )
        if set(batch.columns) >= _FROM_FILE:
            return batch
        rows = self._store.documents(self._workspace_id, batch["trial_id"])
        extra = [c for c in rows.columns if c not in batch.columns]
        return batch.join(rows.select("trial_id", *extra), on="trial_id", maintain_order="left")

    def _apply_part(self, batch: pl.DataFrame, since: pl.DataFrame | None) -> None:
        identities = batch.select(IDENTITY).rows()
        batch = batch.with_columns(
            pl.Series(
                "point_id", [point_id(self._workspace_id, *i) for i in identities], dtype=pl.String
            )
        )
        vectors = self._made.of(batch)
        refused = np.isnan(vectors).any(axis=1)
        if refused.any():
            self._note(batch.filter(pl.Series(refused)))
            # Without all its trials a strategy is not finished, whatever was written.
            batch, vectors, since = batch.filter(pl.Series(~refused)), vectors[~refused], None
            if batch.is_empty():
                return
        embedded = vectors.any(axis=1)
        points = batch.filter(pl.Series(embedded))
        if points.height:
            payload = with_payload(points, self._workspace_id)
            self._vectors.upsert(
                self._recipe.collection,
                Points(points["point_id"].to_list(), vectors[embedded], payload),
            )
        bare = batch.filter(pl.Series(~embedded) & (pl.col("action") != "inserted"))
        if bare.height:  # it may have had a regime before, and a point with it
            self._vectors.delete(self._recipe.collection, bare["point_id"].to_list())
        rows = batch.select(
            "trial_id",
            "strategy_name",
            "point_id",
            "content_hash",
            "row_hash",
            "kb_status",
            pl.lit(self._recipe.collection).alias("collection"),
            pl.lit(self._recipe.model).alias("embed_model"),
            pl.lit(self._recipe.pipeline).alias("pipeline"),
            pl.lit(REGIME_SCHEMA_VERSION).alias("regime_schema_version"),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("archived_at"),
            pl.when(pl.Series(embedded)).then(None).otherwise(pl.lit(NO_REGIME)).alias("reason"),
        )
        rejected_meanwhile = self._store.write_index(self._workspace_id, rows, self._clock(), since)
        if rejected_meanwhile.height:
            self._remover.remove(rejected_meanwhile)

    def _note(self, refused: pl.DataFrame) -> None:
        rows = refused.unique("window_key", keep="first", maintain_order=True)
        for key, trial, *regimes in rows.select(
            "window_key", "source_id", "regime_is", "regime_oos"
        ).rows():
            self._refused[key] = (trial, self._made.refused[regimes[0], regimes[1]])


def with_payload(points: pl.DataFrame, workspace_id: str) -> pl.DataFrame:
    """The payload columns of trials, from their stored metrics."""
    named = points.with_columns(pl.lit(workspace_id).alias("workspace_id"), *FILTER_COLUMNS)
    return named.select(PAYLOAD)
