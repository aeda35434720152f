"""The plan of an ingest: what would happen to each trial, in one pass over frames."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import polars as pl

from tradingkb.domain import ELIGIBLE, REGIME_SCHEMA_VERSION
from tradingkb.ports import Embedder

IDENTITY: Final = ["source_type", "source_id"]
#: Text that stands for "no regime" in a hash.
_NO_REGIME: Final = "-"
#: Rows that are Python objects at one time.
_SLICE: Final = 16_384


@dataclass(frozen=True)
class Recipe:
    """How entries of the index are made; every part of it is in the content hash."""

    model: str
    pipeline: str
    collection: str

    @classmethod
    def of(cls, embedder: Embedder, collection: str) -> Recipe:
        """What this embedder makes in that collection."""
        return cls(embedder.model, embedder.pipeline, collection)

    @property
    def suffix(self) -> str:
        """The part of the content hash that all trials share."""
        return "|".join((self.model, self.pipeline, self.collection, str(REGIME_SCHEMA_VERSION)))


def content_hashes(trials: pl.DataFrame, recipe: Recipe) -> pl.Series:
    """SHA-256 over everything that affects a trial's embedding or an answer.

    Args:
        trials: `row_hash` (identity, params, metrics, score, dates), `kb_status`, `window_key`,
            `regime_is`, `regime_oos` (JSON texts or null; the same in every row of a window).
        recipe: model, pipeline and collection.
    """
    windows = trials.select("window_key", "regime_is", "regime_oos").unique("window_key")
    regimes = {
        key: hashlib.sha256(f"{a or _NO_REGIME}\n{b or _NO_REGIME}".encode()).hexdigest()
        for key, a, b in windows.rows()
    }
    suffix = recipe.suffix
    rows = trials.select("row_hash", "kb_status", "window_key")
    hashes = [pl.Series(dtype=pl.String)]
    for part in rows.iter_slices(_SLICE):
        texts = (f"{row}|{status}|{regimes[key]}|{suffix}" for row, status, key in part.rows())
        hashes.append(pl.Series([hashlib.sha256(text.encode()).hexdigest() for text in texts]))
    return pl.concat(hashes).alias("content_hash")


def only(frame: pl.DataFrame, condition: pl.Expr) -> pl.DataFrame:
    """The rows for which it holds; no copy of a million rows where it holds for all."""
    chosen = frame.select(condition.fill_null(False)).to_series()
    return frame if chosen.all() else frame.filter(chosen)


def make_plan(trials: pl.DataFrame, index: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Classifies every eligible trial.

    Args:
        trials: one row per trial in scope: `source_type`, `source_id`, and what `content_hashes`
            needs.
        index: the index rows of the target collection with `source_type` and `source_id`,
            `content_hash`, `archived_at`.
        recipe: how its entries are made.

    Returns:
        `trials` without the ineligible ones, with `content_hash` and `action`: "inserted" (no
        index row), "unarchived" (archived), "updated" (another hash) or "skipped" (equal hash).
    """
    eligible = only(trials, pl.col("kb_status").is_in(list(ELIGIBLE)))
    eligible = eligible.with_columns(content_hashes(eligible, recipe))
    known = index.select(*IDENTITY, pl.col("content_hash").alias("known_hash"), "archived_at")
    joined = eligible.join(known, on=IDENTITY, how="left", maintain_order="left")
    action = (
        pl.when(pl.col("known_hash").is_null())
        .then(pl.lit("inserted"))
        .when(pl.col("archived_at").is_not_null())
        .then(pl.lit("unarchived"))
        .when(pl.col("known_hash") != pl.col("content_hash"))
        .then(pl.lit("updated"))
        .otherwise(pl.lit("skipped"))
    )
    return joined.with_columns(action.alias("action")).drop("known_hash", "archived_at")
