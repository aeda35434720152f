"""Re-embedding: every eligible trial into a collection, whatever its content hash says.

For a rotation (another model, another collection; the old one stays as it is) and for a rebuild. It
can be killed and called again: entries of the target are marked as unfinished when it begins, and
each batch finishes some of them.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tradingkb.admin.report import Report
from tradingkb.ingest.lease import hold_lease
from tradingkb.ingest.points import PointRemover
from tradingkb.ingest.reindex import reindex
from tradingkb.ingest.request import Progress
from tradingkb.observability.events import emit
from tradingkb.ports import Embedder, EmbedderFactory, RunRecord, TrialStore, VectorIndex, Workspace

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


class ReembedJob:
    """Re-embedding against ports."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        *,
        clock: Callable[[], datetime],
        patience_s: float = 600.0,
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.clock = clock
        self.patience_s = patience_s

    def run(
        self,
        workspace: Workspace,
        model: str,
        collection: str,
        *,
        restart: bool,
        progress: Progress,
    ) -> ReembedReport:
        """Embeds every eligible trial into the collection.

        Args:
            workspace: whose trials.
            model: which embedder.
            collection: created when missing.
            restart: begin anew even where an interrupted run could be resumed.
            progress: told after each batch.

        Raises:
            ConfigurationError: an unknown model, or a collection of another dimension.
            WorkspaceBusyError: an ingest of the workspace did not end in time.
        """
        began = time.monotonic()
        embedder = self.embedders(model, self.store.scaler(workspace.id))
        self.vectors.ensure_collection(collection, embedder.dimension)
        with hold_lease(self.store, workspace, clock=self.clock, patience_s=self.patience_s):
            run, resumed = self._run_record(workspace, embedder, collection, restart)
            try:
                done = self._work(workspace, embedder, collection, progress)
            except BaseException as error:
                with contextlib.suppress(Exception):  # the record must not hide what happened
                    self._finish(run, "failed", {}, repr(error))
                raise
            self._finish(run, "completed", dict(done), None)
        embedded = sum(n for action, n in done.items() if action != "skipped")
        emit(
            "kb_reembed_complete",
            run_id=run.run_id,
            workspace_id=workspace.id,
            count=embedded,
            embed_model=model,
            collection=collection,
            resumed=resumed,
        )
        return ReembedReport(
            run_id=run.run_id,
            workspace=workspace.slug,
            embed_model=model,
            collection=collection,
            dimension=embedder.dimension,
            resumed=resumed,
            embedded=embedded,
            points=self.vectors.points(collection, workspace.id).height,
            duration_s=round(time.monotonic() - began, 3),
        )

    def _run_record(
        self, workspace: Workspace, embedder: Embedder, collection: str, restart: bool
    ) -> tuple[RunRecord, bool]:
        """The run to resume, or a new one whose target is marked as unfinished."""
        self.store.close_runs(workspace.id, self.clock())
        open_run = None if restart else self._interrupted(workspace, embedder, collection)
        if open_run is not None:
            open_run.status, open_run.error = "running", None
            self.store.save_run(open_run)
            return open_run, True
        # Marked before the run is recorded: a run that is killed in between is not resumed.
        self.store.forget_index(workspace.id, collection)
        run = RunRecord(
            str(uuid.uuid4()),
            workspace.id,
            self.clock(),
            embedder.pipeline,
            kind=_KIND,
            collection=collection,
        )
        self.store.save_run(run)
        return run, False

    def _interrupted(
        self, workspace: Workspace, embedder: Embedder, collection: str
    ) -> RunRecord | None:
        """The last re-embedding into the collection, if it did not end and did the same."""
        runs = self.store.runs(workspace.id, None)
        mine = runs.filter((pl.col("kind") == _KIND) & (pl.col("collection") == collection))
        if mine.is_empty():
            return None
        last = mine.row(0, named=True)
        if last["status"] == "completed" or last["source"] != embedder.pipeline:
            return None
        return RunRecord(
            last["run_id"],
            workspace.id,
            last["started_at"],
            last["source"],
            kind=_KIND,
            collection=collection,
        )

    def _work(
        self, workspace: Workspace, embedder: Embedder, collection: str, progress: Progress
    ) -> Counter[str]:
        PointRemover(self.store, self.vectors).retry(workspace)
        todo = self.store.unfinished(workspace.id, collection, embedder.pipeline)["trial_id"]
        return reindex(
            self.store,
            self.vectors,
            embedder,
            workspace,
            collection,
            todo,
            clock=self.clock,
            progress=progress,
        )

    def _finish(
        self, run: RunRecord, status: str, counts: dict[str, int], error: str | None
    ) -> None:
        run.finished_at, run.status, run.counts, run.error = self.clock(), status, counts, error
        self.store.save_run(run)
