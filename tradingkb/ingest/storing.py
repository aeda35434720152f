"""Writing a run's trials, and the rows that were refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.indexing import IDENTITY
from tradingkb.ingest import window_regimes as w
from tradingkb.ingest.scope import Scope
from tradingkb.ports import TrialStore
from tradingkb.progress import Progress

#: Rows per transaction: long enough to be fast, short enough that nobody waits for it.
WRITE_BATCH: Final = 20_000


def store_trials(store: TrialStore, scope: Scope, now: datetime, progress: Progress) -> Scope:
    """Writes what is new or has changed: windows, scaler, parameter sets, trials.

    Returns:
        The scope with the scaler that is in force now.
    """
    if scope.changed.height:
        store.write_windows(scope.workspace.id, scope.changed)
    if scope.refit and scope.scaler is not None:
        store.save_scaler(scope.workspace.id, scope.scaler, now)
        # Another process may have fitted the same version first: the stored one holds.
        scope = replace(scope, scaler=store.scaler(scope.workspace.id))
    if scope.batch is not None:
        _store_batch(store, scope, scope.batch.trials, now, progress)
    return scope


def _store_batch(
    store: TrialStore, scope: Scope, fresh: pl.DataFrame, now: datetime, progress: Progress
) -> None:
    stored = scope.known
    if scope.readmit:  # what is withdrawn is taken as if it had never been here
        stored = stored.filter(~pl.col("withdrawn"))
    stored = stored.select(*IDENTITY, "row_hash")
    if not stored.is_empty():
        fresh = fresh.join(stored, on=[*IDENTITY, "row_hash"], how="anti")
    if fresh.is_empty():
        return
    sets = fresh.select("strategy_name", "params_hash", "params")
    sets = sets.unique(["strategy_name", "params_hash"]).sort("strategy_name", "params_hash")
    store.write_param_sets(scope.workspace.id, sets)
    windows = store.window_rows(scope.workspace.id).select("window_key", "window_id")
    numbered = store.param_set_rows(scope.workspace.id, None).select(
        "strategy_name", "params_hash", "param_set_id"
    )
    # A batch at a time: rows of a million trials would double what the ingest holds.
    for start in range(0, fresh.height, WRITE_BATCH):
        rows = _rows(scope, fresh.slice(start, WRITE_BATCH), windows, numbered, now)
        store.write_trials(scope.workspace.id, rows)
        progress("store", min(start + WRITE_BATCH, fresh.height), fresh.height)


def _rows(
    scope: Scope, fresh: pl.DataFrame, windows: pl.DataFrame, sets: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """Rows of the trials table: windows and parameter sets by number."""
    promoted = pl.when(pl.col("kb_status") == "promoted").then("known_at")
    return (
        fresh.join(windows, on="window_key", maintain_order="left")
        .join(sets, on=["strategy_name", "params_hash"], maintain_order="left")
        .with_columns(
            promoted.alias("promoted_at"),
            pl.lit(now).dt.cast_time_unit("us").alias("ingested_at"),
            pl.lit(scope.run.run_id).alias("run_id"),
        )
        .drop("params", "params_hash", *w.WINDOW_COLUMNS, "__row__")
    )


def save_rejects(scope: Scope, folder: Path) -> Path | None:
    """Writes the refused rows of a run, to be corrected and ingested; None when there are none."""
    if scope.batch is None or scope.batch.rejects.is_empty():
        return None
    path = folder / f"{scope.run.run_id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    scope.batch.refused.write_csv(path)
    return path
