"""Re-embedding: every eligible trial into a collection, whatever its content hash says.

For a rotation (another model, another collection; the old one stays as it is) and for a rebuild. It
can be killed and called again: entries of the target are marked as unfinished when it begins, and
each batch finishes some of them.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.indexing.indexer import Indexer
from tradingkb.jobs import Leases
from tradingkb.observability import emit
from tradingkb.ports import IndexStore, RunRecord, RunStore
from tradingkb.progress import Progress
from tradingkb.reports import Report

_KIND = "reembed"


@dataclass(frozen=True, repr=False)
class ReembedReport(Report):
    """What a re-embedding did.

    Attributes:
        run_id: of this run; a resumed one keeps its id.
        workspace: slug.
        embed_model, collection, dimension: where the vectors went.
        resumed: whether it went on where an earlier run was interrupted.
        embedded: entries that were written by this call.
        points: points of the workspace in the collection afterwards.
        duration_s: wall time.
    """

    run_id: str
    workspace: str
    embed_model: str
    collection: str
    dimension: int
    resumed: bool
    embedded: int
    points: int
    duration_s: float

    def summary(self) -> str:
        """One line."""
        start = "resumed: " if self.resumed else ""
        return (
            f"{start}{self.embedded:,} trials of workspace {self.workspace} embedded by "
            f"{self.embed_model} ({self.dimension} dimensions) into {self.collection}, which now "
            f"holds {self.points:,} points of it"
        )


class ReembeddedStore(IndexStore, RunStore, Protocol):
    """What a re-embedding needs of a store."""


class Reembedder:
    """Embeds every eligible trial of a workspace anew."""

    def __init__(self, store: ReembeddedStore, indexer: Indexer, leases: Leases) -> None:
        self._store = store
        self._indexer = indexer
        self._leases = leases

    def run(self, target: IndexTarget, *, restart: bool, progress: Progress) -> ReembedReport:
        """Embeds every eligible trial into the target's collection.

        Args:
            target: whose trials, by which model, into which collection; created when missing.
            restart: begin anew even where an interrupted run could be resumed.
            progress: told after each batch.

        Raises:
            ConfigurationError: an unknown model, or a collection of another dimension.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        began = time.monotonic()
        embedder = self._indexer.embedder(target)
        self._indexer.vectors.ensure_collection(target.collection, embedder.dimension)
        with self._leases.hold(target.workspace) as lease:
            run, resumed = self._run_record(target, embedder.pipeline, restart)
            try:
                done = self._work(target, embedder.pipeline, lease.guarded(progress))
            except BaseException as error:
                with contextlib.suppress(Exception):  # the record must not hide what happened
                    self._finish(run, "failed", {}, repr(error))
                raise
            self._finish(run, "completed", dict(done))
        embedded = sum(n for action, n in done.items() if action != "skipped")
        workspace = target.workspace
        emit(
            "kb_reembed_complete",
            run_id=run.run_id,
            workspace_id=workspace.id,
            count=embedded,
            embed_model=target.model,
            collection=target.collection,
            resumed=resumed,
        )
        return ReembedReport(
            run_id=run.run_id,
            workspace=workspace.slug,
            embed_model=target.model,
            collection=target.collection,
            dimension=embedder.dimension,
            resumed=resumed,
            embedded=embedded,
            points=self._indexer.vectors.points(target.collection, workspace.id).height,
            duration_s=round(time.monotonic() - began, 3),
        )

    def _run_record(
        self, target: IndexTarget, pipeline: str, restart: bool
    ) -> tuple[RunRecord, bool]:
        """The run to resume, or a new one whose target is marked as unfinished."""
        workspace_id, now = target.workspace.id, self._indexer.clock()
        self._store.close_runs(workspace_id, now)
        run = None if restart else self._interrupted(target, pipeline)
        if run is not None:
            self._store.save_run(run)
            return run, True
        # Marked before the run is recorded: a run that is killed in between is not resumed.
        self._store.forget_index(workspace_id, target.collection)
        run = RunRecord(
            self._indexer.new_id(),
            workspace_id,
            self._indexer.clock(),
            pipeline,
            kind=_KIND,
            collection=target.collection,
        )
        self._store.save_run(run)
        return run, False

    def _interrupted(self, target: IndexTarget, pipeline: str) -> RunRecord | None:
        """The last re-embedding into the collection, if it did not end and did the same."""
        runs = self._store.runs(target.workspace.id, None)
        same = (pl.col("kind") == _KIND) & (pl.col("collection") == target.collection)
        mine = runs.filter(same)
        if mine.is_empty():
            return None
        last = mine.row(0, named=True)
        if last["status"] == "completed" or last["source"] != pipeline:
            return None
        return RunRecord(
            last["run_id"],
            target.workspace.id,
            last["started_at"],
            last["source"],
            kind=_KIND,
            collection=target.collection,
        )

    def _work(self, target: IndexTarget, pipeline: str, progress: Progress) -> Counter[str]:
        workspace_id = target.workspace.id
        self._indexer.remover.retry(workspace_id)
        todo = self._store.unfinished(workspace_id, target.collection, pipeline)["trial_id"]
        return self._indexer.reindex(target, todo, progress)

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None = None
    ) -> None:
        self._store.save_run(run.ended(status, self._indexer.clock(), counts, error))
