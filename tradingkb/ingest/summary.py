"""From a run's scope and plan to its report."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tradingkb.indexing import Recipe
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.scope import Scope


@dataclass(frozen=True)
class Planned:
    """Trials in scope, and the plan for those of them that are eligible.

    Attributes:
        since: what `write_trials` returned, where the plan is of all that it wrote.
    """

    asked: int
    plan: pl.DataFrame
    since: pl.DataFrame | None = None


@dataclass(frozen=True)
class Tally:
    """Counts of one run.

    Attributes:
        trials: in scope, eligible or not.
        planned: of these, eligible.
        bare: planned trials without any regime.
        actions: planned trials by what happens to their entry.
    """

    trials: int = 0
    planned: int = 0
    bare: int = 0
    actions: Mapping[str, int] = field(default_factory=dict)

    def plus(self, planned: Planned) -> Tally:
        """With the counts of one more plan."""
        plan = planned.plan
        bare = pl.col("regime_is").is_null() & pl.col("regime_oos").is_null()
        return Tally(
            self.trials + planned.asked,
            self.planned + plan.height,
            self.bare + plan.filter(bare).height,
            Counter(self.actions) + Counter(dict(plan["action"].value_counts().rows())),
        )


def summarize(
    scope: Scope,
    recipe: Recipe,
    tally: Tally,
    dry_run: bool,
    rejects_path: Path | None,
    began: float,
) -> IngestReport:
    """What happened, or would happen, to every trial in scope.

    Args:
        scope: what the run worked on.
        recipe: how its entries are made.
        tally: what was counted.
        dry_run: whether nothing was written.
        rejects_path: the file of refused rows.
        began: monotonic seconds at the start.
    """
    batch = scope.batch
    n = Counter(tally.actions)
    notes = [*(batch.notes if batch else ()), *scope.notes]
    if scope.refit and scope.before.windows.height:
        notes.append("the windows have doubled: features are scaled anew, stored trials updated")
    if scope.stay_out:
        notes.append(
            f"{scope.stay_out:,} rows equal trials that were withdrawn: they stay out; bring "
            "their run back, or take them with readmit=True"
        )
    if tally.bare:
        notes.append(
            f"{tally.bare:,} trials have no regime: they count as evidence, but no similarity can "
            "be computed for them; give ohlcv= to measure it"
        )
    return IngestReport(
        run_id=scope.run.run_id,
        workspace=scope.workspace.slug,
        source=scope.run.source,
        dry_run=dry_run,
        rows=batch.n_rows if batch else 0,
        inserted=n["inserted"],
        updated=n["updated"],
        skipped=n["skipped"],
        unarchived=n["unarchived"],
        error=batch.rejects["row"].n_unique() if batch else 0,
        not_eligible=tally.trials - tally.planned,
        not_embedded=tally.bare,
        windows=scope.windows.height,
        windows_measured=scope.measured,
        collection=recipe.collection,
        embed_model=recipe.model,
        notes=tuple(notes),
        rejects=batch.rejects if batch else pl.DataFrame(),
        rejects_path=rejects_path,
        duration_s=round(time.monotonic() - began, 3),
    )
