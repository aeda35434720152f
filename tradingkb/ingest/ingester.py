"""Ingestion: read, measure, store, plan, apply.

Order of writes: windows, parameter sets, trials, then per batch vectors (confirmed) and index
rows in one short transaction. Killed anywhere, the next run finds the rest by comparing hashes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.importers import Batch, read_trials, refuse
from tradingkb.indexing import (
    Indexer,
    LossWatch,
    Recipe,
    make_plan,
    only,
    stored_plans,
    without_hashes_of,
)
from tradingkb.ingest import window_regimes as w
from tradingkb.ingest.before import IngestStore, read_before
from tradingkb.ingest.identity import Others, notes_on
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.request import IngestRequest, check_prices, refuse_bad_rows
from tradingkb.ingest.scope import (
    Scope,
    Written,
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


class Ingester:
    """Takes trials from a source into the store and the index."""

    def __init__(
        self, store: IngestStore, indexer: Indexer, leases: Leases, *, rejects_dir: Path
    ) -> None:
        """Takes the trials, and what the index is changed with; refused rows go into the folder."""
        self._indexer = indexer
        self._store = store
        self._leases = leases
        self._rejects_dir = rejects_dir
        self._clock = indexer.clock
        self._watch = LossWatch(store, indexer.vectors, clock=indexer.clock)

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
            scope = self._scope(target, request, batch)
            return self._work(scope, target, request, progress, began)
        with self._leases.hold(workspace) as lease:
            scope = self._scope(target, request, batch)
            try:
                report = self._work(scope, target, request, lease.guarded(progress), began)
            except BaseException as error:
                with contextlib.suppress(Exception):  # the record must not hide what happened
                    self._finish(scope.run, "failed", {}, repr(error))
                raise
            lease.end(lambda: self._finish(scope.run, "completed", report.counts()))
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
        batch = read_trials(
            request.trials, mapping=request.mapping, now=self._clock(), specs=request.specs
        )
        if request.strict and batch.rejects.height:
            refuse_bad_rows(batch)
        return batch

    def _scope(self, target: IndexTarget, request: IngestRequest, batch: Batch | None) -> Scope:
        source = batch.source if batch else "stored trials"
        run = RunRecord(self._indexer.new_id(), target.workspace.id, self._clock(), source)
        prices = request.ohlcv is not None
        before = read_before(
            self._store, self._indexer, self._watch, target, batch, request.specs, measuring=prices
        )
        said: tuple[str, ...] = ()
        if batch and before.others:
            batch = _own_ids(batch, before.others, request)
            said = notes_on(before.others)
        stored, taken = before.windows, batch
        if batch and not request.readmit:
            taken = without_withdrawn(batch, before.known, before.taken_back)
        stay_out = batch.trials.height - taken.trials.height if batch and taken else 0
        incoming = w.merge_windows(taken.trials, stored) if taken else stored
        windows, measured, notes = w.measure_missing(incoming, request.ohlcv)
        scaler = before.scaler
        if before.all_windows:
            scaler = w.current_scaler(scaler, all_windows(stored, windows))
        return Scope(
            workspace=target.workspace,
            run=run,
            batch=taken,
            before=before,
            windows=windows,
            measured=measured,
            changed=w.changed_windows(windows, stored),
            scaler=scaler,
            refit=scaler != before.scaler,
            readmit=request.readmit,
            stay_out=stay_out,
            notes=(*said, *notes),
        )

    def _work(
        self,
        scope: Scope,
        target: IndexTarget,
        request: IngestRequest,
        progress: Progress,
        began: float,
    ) -> IngestReport:
        dry_run = request.dry_run
        written = Written(scope) if dry_run else self._written(scope, target, progress)
        scope = written.scope
        embedder = self._indexer.embedders(target.model, scope.scaler)
        recipe = Recipe.of(embedder, target.collection)
        applier = None if dry_run else self._indexer.applier(target, embedder)
        tally = Tally()
        by_window = embedder.batch is not None
        for planned in self._plans(written, recipe, dry_run=dry_run, by_window=by_window):
            tally = tally.plus(planned)
            if applier is not None:
                work = only(planned.plan, pl.col("action") != "skipped")
                applier.apply(work, progress, planned.since)
        path, said = (None, ()) if dry_run else save_rejects(scope, self._rejects_dir)
        if applier is not None:
            applier.finish()
        scope = replace(scope, notes=(*scope.notes, *said))
        return summarize(scope, recipe, tally, dry_run, path, began)

    def _written(self, scope: Scope, target: IndexTarget, progress: Progress) -> Written:
        """Writes the trials, and what earlier runs and accidents have left to be done."""
        written = store_trials(self._store, scope, self._clock(), progress)
        if scope.before.pending.height:
            self._indexer.remover.remove(scope.before.pending)
        self._store.mark_unfinished(scope.workspace.id, scope.before.lost, target.collection)
        return written

    def _plans(
        self, written: Written, recipe: Recipe, *, dry_run: bool, by_window: bool
    ) -> Iterator[Planned]:
        """What happens to the trials of the source, then to the others that it concerns."""
        scope, lost = written.scope, written.scope.before.lost
        trials = trials_in(scope, written.ids)
        asked = trials.height + scope.stay_out
        plan = make_plan(
            only(trials, ~pl.col("withdrawn")),
            without_hashes_of(scope.before.index, lost),
            recipe,
        )
        yield Planned(asked, plan, written.since)
        others = affected_trials(scope, self._store, recipe, dry_run=dry_run)
        for plan in stored_plans(
            self._store,
            scope.workspace.id,
            recipe,
            others,
            lost=lost,
            regimes=partial(with_new_regimes, scope),
            by_window=by_window,
        ):
            yield Planned(plan.height, plan)

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None = None
    ) -> None:
        self._store.save_run(run.ended(status, self._clock(), counts, error))


def _own_ids(batch: Batch, others: Others, request: IngestRequest) -> Batch:
    """The batch without rows whose id belongs to another experiment, unless they are to replace it.

    Raises:
        InvalidTrialError: there are such rows, and `strict` is set.
    """
    if request.replace or others.strangers.is_empty():
        return batch
    batch = refuse(batch, others.strangers, request.trials, request.mapping)
    if request.strict:
        refuse_bad_rows(batch)
    return batch
