"""What one ingest run works on, and which stored trials it concerns."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from tradingkb.domain.lifecycle import ELIGIBLE
from tradingkb.domain.scaling import RegimeScaler
from tradingkb.importers.frames import Batch
from tradingkb.ingest.plan import IDENTITY, Target
from tradingkb.ports import RunRecord, Workspace


@dataclass
class Scope:
    """What one run works on.

    Attributes:
        batch: what the source held, None when the stored trials are indexed.
        known: identities of the stored trials before the run.
        stored: the stored windows before the run.
        windows: the windows of the trials in scope, with the regimes that they have now.
        measured: how many of them this run measured.
        changed: keys of windows whose regimes this run changes.
        scaler: the scaler in force after the run; `refit` when this run fits it.
        readmit: whether rows that equal withdrawn trials are taken.
    """

    workspace: Workspace
    run: RunRecord
    batch: Batch | None
    known: pl.DataFrame
    stored: pl.DataFrame
    windows: pl.DataFrame
    measured: int
    changed: pl.DataFrame
    scaler: RegimeScaler | None
    refit: bool
    readmit: bool = False
    notes: list[str] = field(default_factory=list)


def trials_in(scope: Scope) -> pl.DataFrame:
    """The trials that the plan is about, with the statuses and regimes they have or would have.

    A row that equals a withdrawn trial stays withdrawn: a scheduled ingest that reads the same
    file every night must not undo what an admin has taken back.
    """
    regimes = scope.windows.select("window_key", "regime_is", "regime_oos")
    if scope.batch is None:
        windows = scope.stored.select("window_id", "window_key").join(regimes, on="window_key")
        return scope.known.join(windows, on="window_id", maintain_order="left")
    statuses = scope.known.select(
        *IDENTITY,
        pl.col("kb_status").alias("known_status"),
        pl.col("row_hash").alias("known_row"),
        "withdrawn",
    )
    stays_out = pl.col("withdrawn") & (pl.col("row_hash") == pl.col("known_row"))
    return (
        scope.batch.trials.drop("regime_is", "regime_oos")
        .join(regimes, on="window_key", maintain_order="left")
        .join(statuses, on=IDENTITY, how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("known_status", "kb_status").alias("kb_status"),
            withdrawn=stays_out.fill_null(False) & pl.lit(not scope.readmit),
        )
        .drop("known_status", "known_row")
    )


def affected_trials(scope: Scope, index: pl.DataFrame, target: Target) -> list[pl.DataFrame]:
    """Stored trials outside the source whose vectors are missing or stale.

    Those are the trials of windows whose regime this run changes; those that were embedded by
    another pipeline (vectors of two scalers must not stand side by side); and whatever earlier
    runs left unfinished: eligible trials without an entry, and entries without a content hash.
    """
    if scope.batch is None:
        return []
    fresh = scope.changed.select("window_key", "regime_is", "regime_oos")
    windows = scope.stored.select("window_id", "window_key", "regime_is", "regime_oos")
    moved = windows.join(fresh, on="window_key", how="semi")["window_id"]
    unfinished = (pl.col("pipeline") != target.pipeline) | (pl.col("content_hash") == "")
    other = index.filter(unfinished)["trial_id"]
    eligible = pl.col("kb_status").is_in(list(ELIGIBLE)) & ~pl.col("withdrawn")
    stale = (
        pl.col("window_id").is_in(moved.implode())
        | pl.col("trial_id").is_in(other.implode())
        | (eligible & ~pl.col("trial_id").is_in(index["trial_id"].implode()))
    )
    others = scope.known.join(scope.batch.trials, on=IDENTITY, how="anti").filter(stale)
    if others.is_empty():
        return []
    return [others.join(windows.update(fresh, on="window_key"), on="window_id")]


def all_windows(stored: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Stored and incoming windows with their regimes, each once; incoming ones come first."""
    columns = ["window_key", "regime_is", "regime_oos"]
    both = pl.concat([windows.select(columns), stored.select(columns)])
    return both.unique("window_key", keep="first", maintain_order=True)
