"""What one ingest run works on, and which stored trials it concerns."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

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
    notes: list[str] = field(default_factory=list)


def trials_in(scope: Scope) -> pl.DataFrame:
    """The trials that the plan is about, with the statuses and regimes they have or would have."""
    regimes = scope.windows.select("window_key", "regime_is", "regime_oos")
    if scope.batch is None:
        windows = scope.stored.select("window_id", "window_key").join(regimes, on="window_key")
        return scope.known.join(windows, on="window_id", maintain_order="left")
    statuses = scope.known.select(*IDENTITY, pl.col("kb_status").alias("known_status"))
    return (
        scope.batch.trials.drop("regime_is", "regime_oos")
        .join(regimes, on="window_key", maintain_order="left")
        .join(statuses, on=IDENTITY, how="left", maintain_order="left")
        .with_columns(pl.coalesce("known_status", "kb_status").alias("kb_status"))
        .drop("known_status")
    )


def affected_trials(scope: Scope, index: pl.DataFrame, target: Target) -> list[pl.DataFrame]:
    """Stored trials outside the source whose vectors are stale.

    Those are the trials of windows whose regime this run changes, and those that were embedded by
    another pipeline: vectors of two scalers must not stand side by side, not even after a run
    that was killed between the two.
    """
    if scope.batch is None:
        return []
    fresh = scope.changed.select("window_key", "regime_is", "regime_oos")
    windows = scope.stored.select("window_id", "window_key", "regime_is", "regime_oos")
    moved = windows.join(fresh, on="window_key", how="semi")["window_id"]
    other = index.filter(pl.col("pipeline") != target.pipeline)["trial_id"]
    stale = pl.col("window_id").is_in(moved.implode()) | pl.col("trial_id").is_in(other.implode())
    others = scope.known.join(scope.batch.trials, on=IDENTITY, how="anti").filter(stale)
    if others.is_empty():
        return []
    return [others.join(windows.update(fresh, on="window_key"), on="window_id")]


def all_windows(stored: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Stored and incoming windows with their regimes, each once; incoming ones come first."""
    columns = ["window_key", "regime_is", "regime_oos"]
    both = pl.concat([windows.select(columns), stored.select(columns)])
    return both.unique("window_key", keep="first", maintain_order=True)
