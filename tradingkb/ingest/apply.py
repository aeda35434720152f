"""Applying a plan: vectors first and confirmed, then the index rows in one short transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain.document import document_text
from tradingkb.domain.regime import REGIME_SCHEMA_VERSION
from tradingkb.domain.trial import point_id, regime_from_json
from tradingkb.ingest.plan import Target
from tradingkb.ingest.points import PointRemover
from tradingkb.ports import (
    PAYLOAD,
    Embedder,
    Floats32,
    Points,
    TrialDocument,
    TrialStore,
    VectorIndex,
    Workspace,
)

BATCH: Final = 20_000
#: The alias that always points at the active collection.
ALIAS: Final = "kb_trials"
#: The reason of entries that have no point, because nothing says in which market they were tried.
NO_REGIME: Final = "no_regime"
#: What a plan of trials from a file has, and one of stored trials lacks.
_FROM_FILE: Final = frozenset({"strategy_name", "sharpe_is", "params", "symbol"})


class Applier:
    """Brings the vector index and its rows to a plan."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedder: Embedder,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedder = embedder
        self.clock = clock
        self._remover = PointRemover(store, vectors)

    def apply(
        self,
        workspace: Workspace,
        target: Target,
        work: pl.DataFrame,
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Embeds and indexes the trials of a plan; trials without a regime get no point.

        Args:
            workspace: whose trials.
            target: where the index goes.
            work: a plan: identity, window_key, regime_is, regime_oos, content_hash, action.
            progress: told after each batch.
        """
        self.vectors.ensure_collection(target.collection, self.embedder.dimension)
        for start in range(0, work.height, BATCH):
            batch = self._completed(workspace, work.slice(start, BATCH))
            self._apply_batch(workspace, target, batch)
            progress("index", min(start + BATCH, work.height), work.height)

    def _completed(self, workspace: Workspace, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with trial ids and with everything that embeddings and payloads need."""
        ids = self.store.trial_ids(workspace.id, batch)
        batch = batch.drop("trial_id", strict=False).join(
            ids, on=["source_type", "source_id"], maintain_order="left"
        )
        if set(batch.columns) >= _FROM_FILE:
            return batch
        rows = self.store.documents(workspace.id, batch["trial_id"])
        extra = [c for c in rows.columns if c not in batch.columns]
        return batch.join(rows.select("trial_id", *extra), on="trial_id", maintain_order="left")

    def _apply_batch(self, workspace: Workspace, target: Target, batch: pl.DataFrame) -> None:
        identities = batch.select("source_type", "source_id").rows()
        batch = batch.with_columns(
            pl.Series("point_id", [point_id(workspace.id, *i) for i in identities], dtype=pl.String)
        )
        vectors = self._vectors(batch)
        embedded = vectors.any(axis=1)
        points = batch.filter(pl.Series(embedded))
        if points.height:
            payload = with_payload(points, workspace.id)
            self.vectors.upsert(
                target.collection, Points(points["point_id"].to_list(), vectors[embedded], payload)
            )
        bare = batch.filter(pl.Series(~embedded) & (pl.col("action") != "inserted"))
        if bare.height:  # it may have had a regime before, and a point with it
            self.vectors.delete(target.collection, bare["point_id"].to_list())
        rows = batch.select(
            "trial_id",
            "strategy_name",
            "point_id",
            "content_hash",
            "row_hash",
            "kb_status",
            pl.lit(target.collection).alias("collection"),
            pl.lit(target.model).alias("embed_model"),
            pl.lit(target.pipeline).alias("pipeline"),
            pl.lit(REGIME_SCHEMA_VERSION).alias("regime_schema_version"),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("archived_at"),
            pl.when(pl.Series(embedded)).then(None).otherwise(pl.lit(NO_REGIME)).alias("reason"),
        )
        rejected_meanwhile = self.store.write_index(workspace.id, rows, self.clock())
        if rejected_meanwhile.height:
            self._remover.remove(rejected_meanwhile)

    def _vectors(self, batch: pl.DataFrame) -> Floats32:
        """One vector per trial; a regime embedder works once per window."""
        if self.embedder.reads == "text":
            return self.embedder.embed_documents([_document(row) for row in batch.to_dicts()])
        windows = batch.select("window_key", "regime_is", "regime_oos").unique("window_key")
        documents = [
            TrialDocument(regime_from_json(a) if a else None, regime_from_json(b) if b else None)
            for _, a, b in windows.rows()
        ]
        vectors = self.embedder.embed_documents(documents)
        place = {key: i for i, key in enumerate(windows["window_key"])}
        return vectors[np.array([place[key] for key in batch["window_key"]], dtype=np.int64)]


def with_payload(points: pl.DataFrame, workspace_id: str) -> pl.DataFrame:
    """The payload columns of trials, from their stored metrics."""
    named = points.with_columns(pl.lit(workspace_id).alias("workspace_id"), *FILTER_COLUMNS)
    return named.select(PAYLOAD)


def _document(row: dict[str, object]) -> TrialDocument:
    regimes = [
        regime_from_json(str(t)) if t else None for t in (row["regime_is"], row["regime_oos"])
    ]
    return TrialDocument(regimes[0], regimes[1], document_text(row, regimes[0], regimes[1]))
