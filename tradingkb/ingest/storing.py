"""Writing a run's trials, and the rows that were refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.indexing import IDENTITY
from tradingkb.ingest import window_regimes as w
from tradingkb.ingest.before import IngestStore
from tradingkb.ingest.scope import Scope, Written
from tradingkb.progress import Progress

#: Rows per transaction: long enough to be fast, short enough that nobody waits for it.
WRITE_BATCH: Final = 20_000


def store_trials(store: IngestStore, scope: Scope, now: datetime, progress: Progress) -> Written:
    """Writes what is new or has changed: the run, windows, scaler, parameter sets, trials.

    In one transaction where the rows are few.
    """
    fresh = _fresh(scope)
    sets = fresh.select("strategy_name", "params_hash", "params")
    sets = sets.unique(["strategy_name", "params_hash"]).sort("strategy_name", "params_hash")
    if scope.changed.height + sets.height + fresh.height > WRITE_BATCH:
        return _store_many(store, scope, fresh, sets, now, progress)
    written = store.in_one(partial(_store_few, store, scope, fresh, sets, now))
    if not fresh.is_empty():
        progress("store", fresh.height, fresh.height)
    return written


def _fresh(scope: Scope) -> pl.DataFrame:
    """The trials of the source that are new, or say something new."""
    if scope.batch is None:
        return pl.DataFrame(
            schema=dict.fromkeys(("strategy_name", "params_hash", "params"), pl.String)
        )
    stored = scope.before.known
    if scope.readmit:  # what is withdrawn is taken as if it had never been here
        stored = stored.filter(~pl.col("withdrawn"))
    stored = stored.select(*IDENTITY, "row_hash")
    if stored.is_empty():
        return scope.batch.trials
    return scope.batch.trials.join(stored, on=[*IDENTITY, "row_hash"], how="anti")


def _store_few(
    store: IngestStore, scope: Scope, fresh: pl.DataFrame, sets: pl.DataFrame, now: datetime
) -> Written:
    scope = _store_run(store, scope, now)
    if fresh.is_empty():
        return Written(scope)
    rows = _row_maker(store, scope, sets, now)
    since = store.write_trials(scope.workspace.id, rows(fresh))
    return Written(scope, store.trial_ids(scope.workspace.id, fresh), since)


def _store_many(
    store: IngestStore,
    scope: Scope,
    fresh: pl.DataFrame,
    sets: pl.DataFrame,
    now: datetime,
    progress: Progress,
) -> Written:
    """As `store_trials`, in several transactions: nobody waits for all of it."""
    scope = _store_run(store, scope, now)
    if fresh.is_empty():
        return Written(scope)
    rows = _row_maker(store, scope, sets, now)
    # A batch at a time: rows of a million trials would double what the ingest holds.
    for start in range(0, fresh.height, WRITE_BATCH):
        store.write_trials(scope.workspace.id, rows(fresh.slice(start, WRITE_BATCH)))
        progress("store", min(start + WRITE_BATCH, fresh.height), fresh.height)
    return Written(scope)


def _store_run(store: IngestStore, scope: Scope, now: datetime) -> Scope:
    """Writes the run, windows and scaler; the scope with the scaler that is in force now."""
    space = scope.workspace.id
    with store.writing():
        store.close_runs(space, now)
        store.save_run(scope.run)
    if scope.changed.height:
        store.write_windows(space, scope.changed)
    if scope.refit and scope.scaler is not None:
        store.save_scaler(space, scope.scaler, now)
        # Another process may have fitted the same version first: the stored one holds.
        scope = replace(scope, scaler=store.scaler(space))
    return scope


def _row_maker(
    store: IngestStore, scope: Scope, sets: pl.DataFrame, now: datetime
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Writes the parameter sets; makes rows of trials, with windows and sets by number."""
    space = scope.workspace.id
    store.write_param_sets(space, sets)
    keys = scope.windows["window_key"]
    windows = store.window_rows(space, keys=keys).select("window_key", "window_id")
    numbered = store.param_set_rows(space, None, sets)
    numbered = numbered.select("strategy_name", "params_hash", "param_set_id")
    return partial(_rows, scope, windows=windows, sets=numbered, now=now)


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


def save_rejects(scope: Scope, folder: Path) -> tuple[Path | None, tuple[str, ...]]:
    """Writes the refused rows of a run, to be corrected and ingested; None when there are none.

    Returns:
        The file, and a note where it could not be written: by then the good rows are stored.
    """
    if scope.batch is None or scope.batch.rejects.is_empty():
        return None, ()
    path = folder / f"{scope.run.run_id}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scope.batch.refused.write(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        with contextlib.suppress(OSError):  # half a file would look like all of it
            path.unlink(missing_ok=True)
        return None, (
            f"the refused rows could not be written to {path} ({error}): `rejects` of this report "
            "has them; make the folder writable and ingest once more",
        )
    return path, ()
