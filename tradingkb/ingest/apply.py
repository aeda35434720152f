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

BATCH: Final = 10_000
#: The alias that always points at the active collection.
ALIAS: Final = "kb_trials"


class Applier:
    """Brings the vector index and its rows to the plan."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedder: Embedder,
        *,
        active_collection: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedder = embedder
        self.active_collection = active_collection
        self.clock = clock

    def apply(
        self,
        workspace: Workspace,
        target: Target,
        work: pl.DataFrame,
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Embeds and indexes the trials of a plan; trials without a regime get no point."""
        self.vectors.ensure_collection(target.collection, self.embedder.dimension)
        current = self.vectors.alias(ALIAS)
        if target.collection == self.active_collection != current:
            self.vectors.set_alias(ALIAS, target.collection)
        if work.is_empty():
            return
        ids = self.store.identities(workspace.id).select("trial_id", "source_type", "source_id")
        work = work.drop("trial_id", strict=False).join(ids, on=["source_type", "source_id"])
        missing = {"strategy_name", "sharpe_is", "params", "symbol"} - set(work.columns)
        if missing:  # a plan of stored trials carries identities only
            work = self._completed(workspace, work)
        for start in range(0, work.height, BATCH):
            batch = work.slice(start, BATCH)
            self._apply_batch(workspace, target, batch)
            progress("index", min(start + BATCH, work.height), work.height)

    def _completed(self, workspace: Workspace, work: pl.DataFrame) -> pl.DataFrame:
        frames = [
            self.store.trial_rows(workspace.id, {"strategy_name": name}, None)
            for name in work["strategy_name"].unique().sort()
        ]
        rows = pl.concat(frames)
        extra = [c for c in rows.columns if c not in work.columns]
        return work.join(rows.select("trial_id", *extra), on="trial_id", maintain_order="left")

    def _apply_batch(self, workspace: Workspace, target: Target, batch: pl.DataFrame) -> None:
        batch = batch.with_columns(
            pl.Series(
                "point_id",
                [
                    point_id(workspace.id, kind, source)
                    for kind, source in batch.select("source_type", "source_id").rows()
                ],
            )
        )
        vectors = self._vectors(batch)
        embedded = vectors.any(axis=1)
        points = batch.filter(pl.Series(embedded))
        if points.height:
            payload = points.with_columns(
                pl.lit(workspace.id).alias("workspace_id"), *FILTER_COLUMNS
            )
            self.vectors.upsert(
                target.collection,
                Points(points["point_id"].to_list(), vectors[embedded], payload.select(PAYLOAD)),
            )
        bare = batch.filter(pl.Series(~embedded) & (pl.col("action") != "inserted"))
        if bare.height:  # it may have had a regime before, and a point with it
            self.vectors.delete(target.collection, bare["point_id"].to_list())
        rows = batch.select(
            "trial_id", "strategy_name", "point_id", "content_hash",
            pl.lit(target.collection).alias("collection"),
            pl.lit(target.model).alias("embed_model"),
            pl.lit(target.pipeline).alias("pipeline"),
            pl.lit(REGIME_SCHEMA_VERSION).alias("regime_schema_version"),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("archived_at"),
            pl.when(pl.Series(embedded)).then(None).otherwise(pl.lit("no_regime")).alias("reason"),
        )  # fmt: skip
        self.store.write_index(workspace.id, rows, self.clock())

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


def _document(row: dict[str, object]) -> TrialDocument:
    regimes = [
        regime_from_json(str(t)) if t else None for t in (row["regime_is"], row["regime_oos"])
    ]
    return TrialDocument(regimes[0], regimes[1], document_text(row, regimes[0], regimes[1]))
