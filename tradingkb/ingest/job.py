"""The ingest job: read, measure, store, plan, apply.

Order of writes: windows, parameter sets, trials, then per batch vectors (confirmed) and index
rows in one short transaction. Killed anywhere, the next run finds the rest by comparing hashes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain.scaling import RegimeScaler
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.frames import Batch, read_trials
from tradingkb.importers.source import Const
from tradingkb.ingest import windows as w
from tradingkb.ingest.apply import Applier
from tradingkb.ingest.plan import IDENTITY, Target, make_plan
from tradingkb.ingest.report import IngestReport
from tradingkb.observability.events import emit
from tradingkb.ports import EmbedderFactory, RunRecord, TrialStore, VectorIndex, Workspace

#: Rows per transaction: long enough to be fast, short enough that nobody waits for it.
WRITE_BATCH: Final = 20_000
#: (what, done, total)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest, and how.

    Attributes:
        trials: a path, frame or `Trial` objects; None indexes what is stored.
        ohlcv: prices from which missing regimes are measured.
        mapping: canonical column to the user's column or constant.
        dry_run: plan only, write nothing.
        strict: refuse the whole source when any row is bad.
    """

    trials: Any = None
    ohlcv: Any = None
    mapping: Mapping[str, str | Const] | None = None
    dry_run: bool = False
    strict: bool = False


class IngestJob:
    """Ingestion against ports."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        *,
        rejects_dir: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.rejects_dir = rejects_dir
        self.clock = clock

    def run(
        self,
        workspace: Workspace,
        model: str,
        collection: str,
        request: IngestRequest,
        progress: Progress = lambda what, done, total: None,
    ) -> IngestReport:
        """Ingests, or says what it would do.

        Raises:
            InvalidTrialError: the source cannot be used, or has bad rows and `strict` is set;
                nothing has been written then.
        """
        began = time.monotonic()
        batch = None
        if request.trials is not None:
            batch = read_trials(request.trials, mapping=request.mapping, now=self.clock())
            if request.strict and batch.rejects.height:
                raise _refusal(batch)
        run = RunRecord(
            str(uuid.uuid4()), workspace.id, self.clock(), batch.source if batch else "stored trials"
        )
        if not request.dry_run:
            self.store.save_run(run)
        try:
            report = self._run(workspace, model, collection, request, batch, run, progress, began)
        except BaseException as error:
            if not request.dry_run:
                self._finish(run, "failed", {}, repr(error))
            raise
        if not request.dry_run:
            self._finish(run, "completed", report.counts(), None)
            for action, count in report.counts().items():
                emit("kb_ingest_action_total", action=action, count=count,
                     workspace_id=workspace.id, run_id=run.run_id)  # fmt: skip
        return report

    def _run(
        self,
        workspace: Workspace,
        model: str,
        collection: str,
        request: IngestRequest,
        batch: Batch | None,
        run: RunRecord,
        progress: Progress,
        began: float,
    ) -> IngestReport:
        stored_windows = self.store.window_rows(workspace.id)
        known = self.store.identities(workspace.id)
        incoming = w.merge_windows(batch.trials, stored_windows) if batch else stored_windows
        scope, measured, notes = w.measure_missing(incoming, request.ohlcv)
        scaler = w.current_scaler(
            self.store.scaler(workspace.id), _union(stored_windows, scope)
        )
        embedder = self.embedders(model, scaler)
        target = Target(embedder.model, embedder.pipeline, collection)
        if not request.dry_run:
            self._store(workspace, batch, scope, stored_windows, known, scaler, run, progress)
        trials = _in_scope(batch, known, stored_windows, scope)
        plan = make_plan(trials, self._index(workspace, collection, known), target)
        work = plan.filter(pl.col("action") != "skipped")
        embedded = 0
        if not request.dry_run:
            applier = Applier(self.store, self.vectors, embedder, self.clock)
            embedded = applier.apply(workspace, target, work, progress)
        return self._report(
            workspace, request, batch, run, target, plan, trials, scope,
            measured, embedded, notes, began,
        )  # fmt: skip

    def _store(
        self,
        workspace: Workspace,
        batch: Batch | None,
        scope: pl.DataFrame,
        stored: pl.DataFrame,
        known: pl.DataFrame,
        scaler: RegimeScaler | None,
        run: RunRecord,
        progress: Progress,
    ) -> None:
        changed = w.changed_windows(scope, stored)
        if changed.height:
            self.store.write_windows(workspace.id, changed)
        if scaler is not None:
            self.store.save_scaler(workspace.id, scaler, self.clock())
        if batch is None or batch.trials.is_empty():
            return
        fresh = batch.trials.join(
            known.select(*IDENTITY, "row_hash"), on=[*IDENTITY, "row_hash"], how="anti"
        )
        if fresh.is_empty():
            return
        sets = fresh.select("strategy_name", "params_hash", "params").unique(
            ["strategy_name", "params_hash"]
        )
        self.store.write_param_sets(workspace.id, sets.sort("strategy_name", "params_hash"))
        rows = self._rows(workspace, fresh, run)
        for start in range(0, rows.height, WRITE_BATCH):
            self.store.write_trials(workspace.id, rows.slice(start, WRITE_BATCH))
            progress("store", min(start + WRITE_BATCH, rows.height), rows.height)

    def _rows(self, workspace: Workspace, fresh: pl.DataFrame, run: RunRecord) -> pl.DataFrame:
        """Rows of the trials table: windows and parameter sets by number."""
        windows = self.store.window_rows(workspace.id).select("window_key", "window_id")
        sets = self.store.param_set_rows(workspace.id, None).select(
            "strategy_name", "params_hash", "param_set_id"
        )
        promoted = pl.when(pl.col("kb_status") == "promoted").then("known_at")
        return (
            fresh.join(windows, on="window_key", maintain_order="left")
            .join(sets, on=["strategy_name", "params_hash"], maintain_order="left")
            .with_columns(
                promoted.alias("promoted_at"),
                pl.lit(self.clock()).dt.cast_time_unit("us").alias("ingested_at"),
                pl.lit(run.run_id).alias("run_id"),
            )
            .drop("params", "params_hash", *w.WINDOW_COLUMNS, "__row__")
        )

    def _index(self, workspace: Workspace, collection: str, known: pl.DataFrame) -> pl.DataFrame:
        rows = self.store.index_rows(workspace.id, collection)
        return rows.join(known.select("trial_id", *IDENTITY), on="trial_id")

    def _report(
        self,
        workspace: Workspace,
        request: IngestRequest,
        batch: Batch | None,
        run: RunRecord,
        target: Target,
        plan: pl.DataFrame,
        trials: pl.DataFrame,
        scope: pl.DataFrame,
        measured: int,
        embedded: int,
        notes: list[str],
        began: float,
    ) -> IngestReport:
        rejects = batch.rejects if batch else pl.DataFrame()
        path = None
        if rejects.height and not request.dry_run:
            path = self.rejects_dir / f"{run.run_id}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rejects.write_csv(path)
        n = {a: int((plan["action"] == a).sum()) for a in plan["action"].unique()}
        bare = plan.filter(pl.col("regime_is").is_null() & pl.col("regime_oos").is_null()).height
        all_notes = [*(batch.notes if batch else ()), *notes]
        if bare:
            all_notes.append(
                f"{bare:,} trials have no regime: they count as evidence, but no similarity can be "
                "computed for them; give ohlcv= to measure it"
            )
        return IngestReport(
            run_id=run.run_id, workspace=workspace.slug, source=run.source, dry_run=request.dry_run,
            rows=batch.n_rows if batch else 0,
            inserted=n.get("inserted", 0), updated=n.get("updated", 0),
            skipped=n.get("skipped", 0), unarchived=n.get("unarchived", 0),
            errors=rejects["row"].n_unique() if rejects.height else 0,
            not_eligible=trials.height - plan.height, not_embedded=bare,
            windows=scope.height, windows_measured=measured,
            collection=target.collection, embed_model=target.model, notes=tuple(all_notes),
            rejects=rejects, rejects_path=path, duration_s=round(time.monotonic() - began, 3),
        )  # fmt: skip

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None
    ) -> None:
        run.finished_at, run.status, run.counts, run.error = self.clock(), status, counts, error
        self.store.save_run(run)


def _in_scope(
    batch: Batch | None, known: pl.DataFrame, stored: pl.DataFrame, scope: pl.DataFrame
) -> pl.DataFrame:
    """The trials that the plan is about, with the statuses and regimes they have or would have."""
    regimes = scope.select("window_key", "regime_is", "regime_oos")
    if batch is None:
        windows = stored.select("window_id", "window_key").join(regimes, on="window_key")
        return known.join(windows, on="window_id", maintain_order="left")
    statuses = known.select(*IDENTITY, pl.col("kb_status").alias("known_status"))
    return (
        batch.trials.drop("regime_is", "regime_oos")
        .join(regimes, on="window_key", maintain_order="left")
        .join(statuses, on=IDENTITY, how="left", maintain_order="left")
        .with_columns(pl.coalesce("known_status", "kb_status").alias("kb_status"))
        .drop("known_status")
    )


def _union(stored: pl.DataFrame, scope: pl.DataFrame) -> pl.DataFrame:
    columns = ["window_key", "regime_is", "regime_oos"]
    return pl.concat([scope.select(columns), stored.select(columns)]).unique(
        "window_key", keep="first", maintain_order=True
    )


def _refusal(batch: Batch) -> InvalidTrialError:
    first = batch.rejects.row(0, named=True)
    rows = batch.rejects["row"].n_unique()
    more = f"; {rows - 1} more rows are bad" if rows > 1 else ""
    return InvalidTrialError(
        f"{first['message']}{more}", row=first["row"], field=first["field"],
        remedy=f"{first['remedy']}; nothing was written, strict=False takes the good rows",
    )  # fmt: skip


