"""Ingestion: read, measure, store, plan, apply.

Order of writes: windows, parameter sets, trials, then per batch vectors (confirmed) and index
rows in one short transaction. Killed anywhere, the next run finds the rest by comparing hashes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from tradingkb.domain import IndexTarget, Workspace
from tradingkb.importers import Batch, read_trials
from tradingkb.indexing import (
    IDENTITY,
    Indexer,
    Recipe,
    lost_trials,
    make_plan,
    only,
    stored_plans,
    without_hashes_of,
)
from tradingkb.ingest import window_regimes as w
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.request import IngestRequest, check_prices, refuse_bad_rows
from tradingkb.ingest.scope import (
    Scope,
    affected_trials,
    all_windows,
    trials_in,
    with_new_regimes,
    without_withdrawn,
)
from tradingkb.ingest.storing import save_rejects, store_trials
from tradingkb.ingest.summary import Planned, Tally, summarize
from tradingkb.jobs import Leases
from tradingkb.observability import emit
from tradingkb.ports import RunRecord
from tradingkb.progress import Progress

#: Above so many stored trials per incoming one, theirs alone are looked up.
_FEW: Final = 4


class Ingester:
    """Takes trials from a source into the store and the index."""

    def __init__(self, indexer: Indexer, leases: Leases, *, rejects_dir: Path) -> None:
        """Takes what the index is changed with; refused rows go into the folder."""
        self._indexer = indexer
        self._store = indexer.store
        self._leases = leases
        self._rejects_dir = rejects_dir
        self._clock = indexer.clock

    def run(self, target: IndexTarget, request: IngestRequest, progress: Progress) -> IngestReport:
        """Ingests, or says what it would do.

        Raises:
            InvalidTrialError: the source cannot be used, or has bad rows and `strict` is set;
                nothing has been written then.
            WorkspaceBusyError: another ingest of the workspace did not end in time.
        """
        began = time.monotonic()
        workspace = target.workspace
        batch = self._read(request)  # before the lease: reading a large file takes its time
        if request.dry_run:
            scope = self._scope(workspace, request, batch)
            return self._work(scope, target, request, progress, began)
        with self._leases.hold(workspace):
            self._store.close_runs(workspace.id, self._clock())
            scope = self._scope(workspace, request, batch)
            self._store.save_run(scope.run)
            try:
                report = self._work(scope, target, request, progress, began)
            except BaseException as error:
                with contextlib.suppress(Exception):  # the record must not hide what happened
                    self._finish(scope.run, "failed", {}, repr(error))
                raise
            self._finish(scope.run, "completed", report.counts())
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
        batch = read_trials(request.trials, mapping=request.mapping, now=self._clock())
        if request.strict and batch.rejects.height:
            refuse_bad_rows(batch)
        return batch

    def _scope(self, workspace: Workspace, request: IngestRequest, batch: Batch | None) -> Scope:
        source = batch.source if batch else "stored trials"
        run = RunRecord(self._indexer.new_id(), workspace.id, self._clock(), source)
        stored = self._store.window_rows(workspace.id)
        known, taken = self._known(workspace, batch), batch
        if batch and not request.readmit:
            taken = without_withdrawn(batch, known, self._store.taken_back(workspace.id))
        stay_out = batch.trials.height - taken.trials.height if batch and taken else 0
        incoming = w.merge_windows(taken.trials, stored) if taken else stored
        windows, measured, notes = w.measure_missing(incoming, request.ohlcv)
        before = self._store.scaler(workspace.id)
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
        few = batch is not None and batch.trials.height * _FEW < self._store.count_trials(
            workspace.id
        )
        among = batch.trials.select(IDENTITY) if batch is not None and few else None
        return self._store.identities(workspace.id, among)

    def _work(
        self,
        scope: Scope,
        target: IndexTarget,
        request: IngestRequest,
        progress: Progress,
        began: float,
    ) -> IngestReport:
        make, dry_run = self._indexer.embedders, request.dry_run
        embedder = make(target.model, scope.scaler)  # before anything is written: it may refuse
        lost = lost_trials(self._store, self._indexer.vectors, target, embedder.dimension)
        if not dry_run:
            self._indexer.remover.retry(target.workspace.id)
            self._store.mark_unfinished(target.workspace.id, lost, target.collection)
            scope = store_trials(self._store, scope, self._clock(), progress)
            embedder = make(target.model, scope.scaler)
        recipe = Recipe.of(embedder, target.collection)
        applier = None if dry_run else self._indexer.applier(target, embedder)
        tally = Tally()
        for planned in self._plans(scope, recipe, lost, dry_run):
            tally = tally.plus(planned)
            if applier is not None:
                applier.apply(only(planned.plan, pl.col("action") != "skipped"), progress)
        path = None if dry_run else save_rejects(scope, self._rejects_dir)
        return summarize(scope, recipe, tally, dry_run, path, began)

    def _plans(
        self, scope: Scope, recipe: Recipe, lost: pl.Series, dry_run: bool
    ) -> Iterator[Planned]:
        """What happens to the trials of the source, then to the others that it concerns."""
        workspace_id = scope.workspace.id
        trials = trials_in(scope)
        asked = trials.height + scope.stay_out
        everything = scope.batch is None or scope.known.height > asked
        ids = None if everything else scope.known["trial_id"]
        index = self._store.index_rows(workspace_id, recipe.collection, ids)
        index = index.join(scope.known.select("trial_id", *IDENTITY), on="trial_id")
        index = without_hashes_of(index, lost)
        yield Planned(asked, make_plan(only(trials, ~pl.col("withdrawn")), index, recipe))
        others = affected_trials(scope, self._store, recipe, dry_run=dry_run)
        for plan in stored_plans(
            self._store,
            workspace_id,
            recipe,
            others,
            lost=lost,
            regimes=partial(with_new_regimes, scope),
        ):
            yield Planned(plan.height, plan)

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None = None
    ) -> None:
        self._store.save_run(run.ended(status, self._clock(), counts, error))
