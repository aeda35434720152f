"""From a run's scope and plan to its report."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl

from tradingkb.ingest.plan import Target
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.scope import Scope


def summarize(
    scope: Scope,
    target: Target,
    plan: pl.DataFrame,
    scopes: list[pl.DataFrame],
    dry_run: bool,
    rejects_path: Path | None,
    began: float,
) -> IngestReport:
    """What happened, or would happen, to every trial in scope.

    Args:
        scope: what the run worked on.
        target: where the index went.
        plan: `action`, `regime_is`, `regime_oos` of the eligible trials.
        scopes: all trials in scope, eligible or not: those of the source, then others.
        dry_run: whether nothing was written.
        rejects_path: the file of refused rows.
        began: monotonic seconds at the start.
    """
    batch = scope.batch
    n = {action: int((plan["action"] == action).sum()) for action in plan["action"].unique()}
    bare = plan.filter(pl.col("regime_is").is_null() & pl.col("regime_oos").is_null()).height
    notes = [*(batch.notes if batch else ()), *scope.notes]
    if scope.refit and scope.known.height:
        notes.append("the windows have doubled: features are scaled anew, stored trials updated")
    out = int(scopes[0]["withdrawn"].sum())
    if out and batch is not None:
        notes.append(
            f"{out:,} rows equal trials that were withdrawn: they stay out; bring their run back, "
            "or take them with readmit=True"
        )
    if bare:
        notes.append(
            f"{bare:,} trials have no regime: they count as evidence, but no similarity can be "
            "computed for them; give ohlcv= to measure it"
        )
    return IngestReport(
        run_id=scope.run.run_id,
        workspace=scope.workspace.slug,
        source=scope.run.source,
        dry_run=dry_run,
        rows=batch.n_rows if batch else 0,
        inserted=n.get("inserted", 0),
        updated=n.get("updated", 0),
        skipped=n.get("skipped", 0),
        unarchived=n.get("unarchived", 0),
        error=batch.rejects["row"].n_unique() if batch else 0,
        not_eligible=sum(frame.height for frame in scopes) - plan.height,
        not_embedded=bare,
        windows=scope.windows.height,
        windows_measured=scope.measured,
        collection=target.collection,
        embed_model=target.model,
        notes=tuple(notes),
        rejects=batch.rejects if batch else pl.DataFrame(),
        rejects_path=rejects_path,
        duration_s=round(time.monotonic() - began, 3),
    )
