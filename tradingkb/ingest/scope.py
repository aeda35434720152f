"""What one ingest run works on, and which stored trials it concerns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from tradingkb.domain import RegimeScaler, Workspace
from tradingkb.importers import Batch
from tradingkb.indexing import IDENTITY, Recipe
from tradingkb.ingest.before import Before, IngestStore
from tradingkb.ports import RunRecord


@dataclass(frozen=True)
class Scope:
    """What one run works on.

    Attributes:
        batch: what the source held, None when the stored trials are indexed; without the rows
            that stay out, because they equal trials that were withdrawn.
        stay_out: how many rows these are.
        before: what the store says of them before the run.
        windows: the windows of the trials in scope, with the regimes that they have now.
        measured: how many of them this run measured.
        changed: keys of windows whose regimes this run changes.
        scaler: the scaler in force after the run; `refit` when this run fits it.
        readmit: whether rows that equal withdrawn trials are taken, as if those had never been.
    """

    workspace: Workspace
    run: RunRecord
    batch: Batch | None
    before: Before
    windows: pl.DataFrame
    measured: int
    changed: pl.DataFrame
    scaler: RegimeScaler | None
    refit: bool
    readmit: bool = False
    stay_out: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """What the store says of a run's trials once they are written.

    Attributes:
        scope: with the scaler in force.
        ids: source_type, source_id, trial_id of those that were written; where they are many,
            of none.
        since: what `write_trials` returned, where it wrote all of them at once.
    """

    scope: Scope
    ids: pl.DataFrame | None = None
    since: pl.DataFrame | None = None


def trials_in(scope: Scope, ids: pl.DataFrame | None = None) -> pl.DataFrame:
    """The trials that the plan is about, with the statuses and regimes they have or would have.

    `trial_id` is null where neither the stored ones nor `ids` have it.
    """
    regimes = scope.windows.select("window_key", "regime_is", "regime_oos")
    if scope.batch is None:
        windows = scope.before.windows.select("window_id", "window_key").join(
            regimes, on="window_key"
        )
        return scope.before.known.join(windows, on="window_id", maintain_order="left")
    statuses = scope.before.known.select(
        *IDENTITY, "trial_id", pl.col("kb_status").alias("known_status")
    )
    if ids is not None:
        fresh = ids.join(statuses, on=IDENTITY, how="anti")
        statuses = pl.concat([statuses, fresh], how="diagonal")
    return (
        scope.batch.trials.drop("regime_is", "regime_oos")
        .join(regimes, on="window_key", maintain_order="left")
        .join(statuses, on=IDENTITY, how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("known_status", "kb_status").alias("kb_status"),
            withdrawn=pl.lit(False),
        )
        .drop("known_status")
    )


def without_withdrawn(batch: Batch, known: pl.DataFrame, taken_back: pl.DataFrame) -> Batch:
    """A source without the rows that say again what an admin has taken back.

    A scheduled ingest that reads the same file every night must not undo a withdrawal.

    Args:
        batch: what the source held.
        known: identities of the stored trials.
        taken_back: trial_id, row_hash of what withdrawn runs said, where it does not stand now.
    """
    standing = known.filter(~pl.col("withdrawn")).select("trial_id", "row_hash")
    gone = pl.concat([known.filter("withdrawn").select("trial_id", "row_hash"), taken_back])
    gone = gone.join(standing, on=["trial_id", "row_hash"], how="anti")
    if gone.is_empty():
        return batch
    rows = gone.join(known.select("trial_id", *IDENTITY), on="trial_id")
    key = [*IDENTITY, "row_hash"]
    return replace(batch, trials=batch.trials.join(rows, on=key, how="anti", maintain_order="left"))


def affected_trials(
    scope: Scope, store: IngestStore, recipe: Recipe, *, dry_run: bool
) -> pl.Series:
    """Ids of stored trials outside the source that have to be indexed.

    Those are the trials of windows whose regime this run changes; those that were embedded by
    another pipeline (vectors of two scalers must not stand side by side); and whatever earlier
    runs left unfinished.
    """
    space = scope.workspace.id
    left = store.unfinished(space, recipe.collection, recipe.pipeline, note=not dry_run)
    mine = (scope.before.known if scope.batch is None else scope.batch.trials).select(IDENTITY)
    # A join makes a table of its right side: of what is left, which is little, not of the source.
    done = mine.join(left, on=IDENTITY, how="semi")
    others = left.join(done, on=IDENTITY, how="anti", maintain_order="left")["trial_id"]
    if not dry_run:  # writing the windows has marked the entries of their trials
        return others
    moved = scope.before.windows.join(scope.changed, on="window_key", how="semi")["window_key"]
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
