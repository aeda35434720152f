"""The ingest job: read, measure, store, plan, apply.

Order of writes: windows, parameter sets, trials, then per batch vectors (confirmed) and index
rows in one short transaction. Killed anywhere, the next run finds the rest by comparing hashes.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.exceptions import EmptyCollectionError, InvalidOHLCVError, InvalidTrialError
from tradingkb.importers.frames import Batch, read_trials
from tradingkb.importers.source import Const
from tradingkb.ingest import windows as w
from tradingkb.ingest.apply import Applier
from tradingkb.ingest.plan import IDENTITY, Target, make_plan
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.scope import Scope, affected_trials, all_windows, trials_in
from tradingkb.ingest.summary import summarize
from tradingkb.observability.events import emit
from tradingkb.ports import Embedder, EmbedderFactory, RunRecord, TrialStore, VectorIndex, Workspace

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
        active_collection: str,
        rejects_dir: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.active_collection = active_collection
        self.rejects_dir = rejects_dir
        self.clock = clock

    def run(
        self,
        workspace: Workspace,
        model: str,
        collection: str,
        request: IngestRequest,
        progress: Progress,
    ) -> IngestReport:
        """Ingests, or says what it would do.

        Raises:
            InvalidTrialError: the source cannot be used, or has bad rows and `strict` is set;
                nothing has been written then.
        """
        began = time.monotonic()
        scope = self._scope(workspace, request)
        if request.dry_run:
            return self._work(scope, model, collection, request, progress, began)
        self.store.save_run(scope.run)
        try:
            report = self._work(scope, model, collection, request, progress, began)
        except BaseException as error:
            with contextlib.suppress(Exception):  # the record must not hide what happened
                self._finish(scope.run, "failed", {}, repr(error))
            raise
        self._finish(scope.run, "completed", report.counts(), None)
        for action, count in report.counts().items():
            emit(
                "kb_ingest_action_total",
                action=action,
                count=count,
                workspace_id=workspace.id,
                run_id=scope.run.run_id,
            )
        return report

    def _scope(self, workspace: Workspace, request: IngestRequest) -> Scope:
        """Reads and checks everything before anything is written."""
        if isinstance(request.ohlcv, str | Path) and not Path(request.ohlcv).exists():
            raise InvalidOHLCVError(
                f"{request.ohlcv} does not exist",
                field="ohlcv",
                remedy="name a folder of <symbol>_<timeframe>.parquet, or one such file",
            )
        batch = None
        if request.trials is not None:
            batch = read_trials(request.trials, mapping=request.mapping, now=self.clock())
            if request.strict and batch.rejects.height:
                raise _refusal(batch)
        source = batch.source if batch else "stored trials"
        run = RunRecord(str(uuid.uuid4()), workspace.id, self.clock(), source)
        stored = self.store.window_rows(workspace.id)
        incoming = w.merge_windows(batch.trials, stored) if batch else stored
        windows, measured, notes = w.measure_missing(incoming, request.ohlcv)
        before = self.store.scaler(workspace.id)
        scaler = w.current_scaler(before, all_windows(stored, windows))
        return Scope(
            workspace=workspace,
            run=run,
            batch=batch,
            known=self.store.identities(workspace.id),
            stored=stored,
            windows=windows,
            measured=measured,
            changed=w.changed_windows(windows, stored),
            scaler=scaler,
            refit=scaler != before,
            notes=notes,
        )

    def _work(
        self,
        scope: Scope,
        model: str,
        collection: str,
        request: IngestRequest,
        progress: Progress,
        began: float,
    ) -> IngestReport:
        embedder = self.embedders(model, scope.scaler)  # before anything is written: it may refuse
        if not request.dry_run:
            self._store(scope, progress)
            embedder = self.embedders(model, scope.scaler)
        target = Target(embedder.model, embedder.pipeline, collection)
        index = self.store.index_rows(scope.workspace.id, collection)
        index = index.join(scope.known.select("trial_id", *IDENTITY), on="trial_id")
        index = self._without_lost_points(index, embedder, collection)
        scopes = [trials_in(scope), *affected_trials(scope, index, target)]
        plans = [make_plan(trials, index, target) for trials in scopes]
        if not request.dry_run:
            applier = Applier(
                self.store,
                self.vectors,
                embedder,
                active_collection=self.active_collection,
                clock=self.clock,
            )
            for plan in plans:
                work = plan.filter(pl.col("action") != "skipped")
                applier.apply(scope.workspace, target, work, progress)
        path = None if request.dry_run else self._save_rejects(scope)
        plan = pl.concat([p.select("action", "regime_is", "regime_oos") for p in plans])
        in_scope = sum(frame.height for frame in scopes)
        return summarize(scope, target, plan, in_scope, request.dry_run, path, began)

    def _without_lost_points(
        self, index: pl.DataFrame, embedder: Embedder, collection: str
    ) -> pl.DataFrame:
        """Forgets all hashes when the vector index holds fewer points than it should.

        Then every trial is embedded again: which points are lost is not known.
        """
        if index.is_empty():
            return index
        try:
            same = self.vectors.dimension(collection) == embedder.dimension
            held = self.vectors.count(collection) if same else 0
        except EmptyCollectionError:
            held = 0
        if held >= self.store.count_indexed(collection):
            return index
        return index.with_columns(pl.lit("").alias("content_hash"))

    def _store(self, scope: Scope, progress: Progress) -> None:
        if scope.changed.height:
            self.store.write_windows(scope.workspace.id, scope.changed)
        if scope.refit and scope.scaler is not None:
            self.store.save_scaler(scope.workspace.id, scope.scaler, self.clock())
            # Another process may have fitted the same version first: the stored one holds.
            scope.scaler = self.store.scaler(scope.workspace.id)
        if scope.batch is None:
            return
        stored = scope.known.select(*IDENTITY, "row_hash")
        fresh = scope.batch.trials.join(stored, on=[*IDENTITY, "row_hash"], how="anti")
        if fresh.is_empty():
            return
        sets = fresh.select("strategy_name", "params_hash", "params")
        sets = sets.unique(["strategy_name", "params_hash"]).sort("strategy_name", "params_hash")
        self.store.write_param_sets(scope.workspace.id, sets)
        rows = self._rows(scope, fresh)
        for start in range(0, rows.height, WRITE_BATCH):
            self.store.write_trials(scope.workspace.id, rows.slice(start, WRITE_BATCH))
            progress("store", min(start + WRITE_BATCH, rows.height), rows.height)

    def _rows(self, scope: Scope, fresh: pl.DataFrame) -> pl.DataFrame:
        """Rows of the trials table: windows and parameter sets by number."""
        windows = self.store.window_rows(scope.workspace.id).select("window_key", "window_id")
        sets = self.store.param_set_rows(scope.workspace.id, None).select(
            "strategy_name", "params_hash", "param_set_id"
        )
        promoted = pl.when(pl.col("kb_status") == "promoted").then("known_at")
        return (
            fresh.join(windows, on="window_key", maintain_order="left")
            .join(sets, on=["strategy_name", "params_hash"], maintain_order="left")
            .with_columns(
                promoted.alias("promoted_at"),
                pl.lit(self.clock()).dt.cast_time_unit("us").alias("ingested_at"),
                pl.lit(scope.run.run_id).alias("run_id"),
            )
            .drop("params", "params_hash", *w.WINDOW_COLUMNS, "__row__")
        )

    def _save_rejects(self, scope: Scope) -> Path | None:
        if scope.batch is None or scope.batch.rejects.is_empty():
            return None
        path = self.rejects_dir / f"{scope.run.run_id}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        scope.batch.rejects.write_csv(path)
        return path

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None
    ) -> None:
        run.finished_at, run.status, run.counts, run.error = self.clock(), status, counts, error
        self.store.save_run(run)


def _refusal(batch: Batch) -> InvalidTrialError:
    first = batch.rejects.row(0, named=True)
    rows = batch.rejects["row"].n_unique()
    more = f"; {rows - 1} more rows are bad" if rows > 1 else ""
    return InvalidTrialError(
        f"{first['message']}{more}",
        row=first["row"],
        field=first["field"],
        remedy=f"{first['remedy']}; nothing was written, strict=False takes the good rows",
    )
