"""The ingest job: read, measure, store, plan, apply.

Order of writes: windows, parameter sets, trials, then per batch vectors (confirmed) and index
rows in one short transaction. Killed anywhere, the next run finds the rest by comparing hashes.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.importers.frames import Batch, read_trials
from tradingkb.ingest import windows as w
from tradingkb.ingest.apply import Applier
from tradingkb.ingest.lease import hold_lease
from tradingkb.ingest.lost import lost_trials
from tradingkb.ingest.plan import IDENTITY, Target, make_plan, only
from tradingkb.ingest.points import PointRemover
from tradingkb.ingest.reindex import stored_plans, without_hashes_of
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.request import IngestRequest, Progress, check_prices, refuse_bad_rows
from tradingkb.ingest.scope import (
    Scope,
    affected_trials,
    all_windows,
    trials_in,
    with_new_regimes,
    without_withdrawn,
)
from tradingkb.ingest.storing import save_rejects, store_trials
from tradingkb.ingest.summary import Tally, summarize
from tradingkb.observability.events import emit
from tradingkb.ports import EmbedderFactory, RunRecord, TrialStore, VectorIndex, Workspace

#: Above so many stored trials per incoming one, theirs alone are looked up.
_FEW: Final = 4


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
        patience_s: float = 600.0,
    ) -> None:
        """Wires the job.

        Args:
            store: the truth.
            vectors: the index derived from it.
            embedders: makes the embedder of a model.
            rejects_dir: where refused rows go.
            clock: aware UTC time.
            patience_s: how long to wait while another ingest of the workspace runs.
        """
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.rejects_dir = rejects_dir
        self.clock = clock
        self.patience_s = patience_s

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
            WorkspaceBusyError: another ingest of the workspace did not end in time.
        """
        began = time.monotonic()
        batch = self._read(request)  # before the lease: reading a large file takes its time
        if request.dry_run:
            scope = self._scope(workspace, request, batch)
            return self._work(scope, model, collection, request, progress, began)
        with hold_lease(self.store, workspace, clock=self.clock, patience_s=self.patience_s):
            self.store.close_runs(workspace.id, self.clock())
            scope = self._scope(workspace, request, batch)
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

    def _read(self, request: IngestRequest) -> Batch | None:
        """Reads and checks everything before anything is written."""
        check_prices(request.ohlcv)
        if request.trials is None:
            return None
        batch = read_trials(request.trials, mapping=request.mapping, now=self.clock())
        if request.strict and batch.rejects.height:
            refuse_bad_rows(batch)
        return batch

    def _scope(self, workspace: Workspace, request: IngestRequest, batch: Batch | None) -> Scope:
        source = batch.source if batch else "stored trials"
        run = RunRecord(str(uuid.uuid4()), workspace.id, self.clock(), source)
        stored = self.store.window_rows(workspace.id)
        known, taken = self._known(workspace, batch), batch
        if batch and not request.readmit:
            taken = without_withdrawn(batch, known, self.store.taken_back(workspace.id))
        stay_out = batch.trials.height - taken.trials.height if batch and taken else 0
        incoming = w.merge_windows(taken.trials, stored) if taken else stored
        windows, measured, notes = w.measure_missing(incoming, request.ohlcv)
        before = self.store.scaler(workspace.id)
        scaler = w.current_scaler(before, all_windows(stored, windows))
        return Scope(
            workspace=workspace,
            run=run,
            batch=taken,
            known=known,
            stored=stored,
            windows=windows,
            measured=measured,
            changed=w.changed_windows(windows, stored),
            scaler=scaler,
            refit=scaler != before,
            readmit=request.readmit,
            stay_out=stay_out,
            notes=notes,
        )

    def _known(self, workspace: Workspace, batch: Batch | None) -> pl.DataFrame:
        """Identities of all stored trials, or of the source's when those are few of them."""
        few = batch is not None and batch.trials.height * _FEW < self.store.count_trials(
            workspace.id
        )
        among = batch.trials.select(IDENTITY) if batch is not None and few else None
        return self.store.identities(workspace.id, among)

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
        space, dry_run = scope.workspace, request.dry_run
        lost = lost_trials(self.store, self.vectors, space, collection, embedder.dimension)
        if not dry_run:
            PointRemover(self.store, self.vectors).retry(space)
            self.store.mark_unfinished(space.id, lost, collection)
            store_trials(self.store, scope, self.clock(), progress)
            embedder = self.embedders(model, scope.scaler)
        target = Target(embedder.model, embedder.pipeline, collection)
        applier = None
        if not dry_run:
            applier = Applier(self.store, self.vectors, embedder, clock=self.clock)
        tally = Tally()
        for plan in self._plans(scope, target, lost, dry_run, tally):
            tally.add(plan)
            if applier is not None:
                work = only(plan, pl.col("action") != "skipped")
                applier.apply(space, target, work, progress)
        path = None if dry_run else save_rejects(scope, self.rejects_dir)
        return summarize(scope, target, tally, dry_run, path, began)

    def _plans(
        self, scope: Scope, target: Target, lost: pl.Series, dry_run: bool, tally: Tally
    ) -> Iterator[pl.DataFrame]:
        """What happens to the trials of the source, then to the others that it concerns."""
        space = scope.workspace
        trials = trials_in(scope)
        asked = trials.height + scope.stay_out
        tally.trials += asked
        everything = scope.batch is None or scope.known.height > asked
        ids = None if everything else scope.known["trial_id"]
        index = self.store.index_rows(space.id, target.collection, ids)
        index = index.join(scope.known.select("trial_id", *IDENTITY), on="trial_id")
        index = without_hashes_of(index, lost)
        yield make_plan(only(trials, ~pl.col("withdrawn")), index, target)
        others = affected_trials(scope, self.store, target, dry_run=dry_run)
        for plan in stored_plans(
            self.store,
            space,
            target,
            others,
            lost=lost,
            regimes=partial(with_new_regimes, scope),
        ):
            tally.trials += plan.height
            yield plan

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None
    ) -> None:
        run.finished_at, run.status, run.counts, run.error = self.clock(), status, counts, error
        self.store.save_run(run)
