"""What one ingest run works on, and which stored trials it concerns."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from tradingkb.domain.scaling import RegimeScaler
from tradingkb.importers.frames import Batch
from tradingkb.ingest.plan import IDENTITY, Target
from tradingkb.ports import RunRecord, TrialStore, Workspace


@dataclass
class Scope:
    """What one run works on.

    Attributes:
        batch: what the source held, None when the stored trials are indexed.
        known: identities of the stored trials before the run, at least of those of the source.
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


def affected_trials(scope: Scope, store: TrialStore, target: Target, *, dry_run: bool) -> pl.Series:
    """Ids of stored trials outside the source that have to be indexed.

    Those are the trials of windows whose regime this run changes; those that were embedded by
    another pipeline (vectors of two scalers must not stand side by side); and whatever earlier
    runs left unfinished.
    """
    space = scope.workspace.id
    left = store.unfinished(space, target.collection, target.pipeline, note=not dry_run)
    mine = scope.known if scope.batch is None else scope.batch.trials
    others = left.join(mine, on=IDENTITY, how="anti")["trial_id"]
    if not dry_run:  # writing the windows has marked the entries of their trials
        return others
    moved = scope.stored.join(scope.changed, on="window_key", how="semi")["window_key"]
    if moved.is_empty():
        return others
    touched = store.select(space, {"window_key": moved.to_list()})
    fresh = touched.join(mine, on=IDENTITY, how="anti")["trial_id"]
    return pl.concat([others, fresh]).unique().sort()


def with_new_regimes(scope: Scope, trials: pl.DataFrame) -> pl.DataFrame:
    """Stored trials with the regimes that their windows have after the run."""
    fresh = scope.changed.select("window_key", "regime_is", "regime_oos")
    return trials.update(fresh, on="window_key")


def all_windows(stored: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Stored and incoming windows with their regimes, each once; incoming ones come first."""
    columns = ["window_key", "regime_is", "regime_oos"]
    both = pl.concat([windows.select(columns), stored.select(columns)])
    return both.unique("window_key", keep="first", maintain_order=True)
