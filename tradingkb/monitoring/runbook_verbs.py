"""The verbs of `KnowledgeBase` about runbooks: what ran, and what the schedules decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.exceptions import NotFoundError
from tradingkb.monitoring.spans import Moment, checked_limit, open_span
from tradingkb.ports import RunbookRun, RunbookStore, ScheduleStore
from tradingkb.verbs import only_reads

#: Seconds without a heartbeat after which a run is taken for lost; runners beat every five.
LOST_AFTER_S: Final = 60.0


class _Store(RunbookStore, ScheduleStore, Protocol):
    def unhurried(self) -> Any: ...


class _Clocked(Protocol):
    @property
    def clock(self) -> Callable[[], datetime]: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def indexer(self) -> _Clocked: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class RunbookHistory:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @only_reads
    def runbook_runs(
        self,
        runbook: str | None = None,
        limit: int = 50,
        workspace: str | None = None,
        since: Moment = None,
        before: tuple[datetime, str] | None = None,
    ) -> pl.DataFrame:
        """Runs of runbooks, newest first.

        Args:
            runbook: whole name of one; default all.
            limit: most rows, up to 1000.
            workspace: as it was given to them; default all.
            since: asked for since then; default no limit.
            before: (started_at, run_id) of the last row of the page before this one.

        Returns:
            run_id, runbook, version, workspace, parameters, dry_run, actor, schedule, slot, state
            (starting, running, ended, or lost: nobody has said for a minute that it lives),
            outcome (done, nothing_to_do, needs_decision, failed; null before the end), error,
            cell_done, cell_total, cell, started_at, heartbeat_at, ended_at, deadline_s, result,
            notebook, report (file names in the folder of outputs), release.

        Raises:
            InvalidInputError: what is no time or number of rows.
        """
        first, _ = open_span(since, None)
        rows = self.use_cases.store.runbook_run_rows(
            checked_limit(limit), runbook=runbook, workspace=workspace, since=first, before=before
        )
        silent = pl.col("heartbeat_at") < _lost_before(self.use_cases)
        lost = (pl.col("state") != "ended") & silent
        return rows.with_columns(state=pl.when(lost).then(pl.lit("lost")).otherwise("state"))

    @only_reads
    def runbook_run(self, run_id: str) -> dict[str, Any]:
        """One run of a runbook: the columns of `runbook_runs`, and its progress.

        Args:
            run_id: whole.

        Raises:
            NotFoundError: there is no such run.
        """
        run = self.use_cases.store.runbook_run(run_id)
        if run is None:
            raise NotFoundError("runbook run", run_id, None, remedy="kb.runbook_runs() lists them")
        return {**run.to_dict(), "state": self._state(run)}

    @only_reads
    def schedule_ticks(self, schedule: str | None = None, limit: int = 50) -> pl.DataFrame:
        """What was decided about each time that a schedule was due, newest first.

        Args:
            schedule: name of one; default all.
            limit: most rows, up to 1000.

        Returns:
            schedule, slot (the time that was due), at, decision (claimed, started, skipped, missed,
            overlapped, failed_to_start), run_id, detail.

        Raises:
            InvalidInputError: what is no number of rows.
        """
        return self.use_cases.store.tick_rows(schedule, checked_limit(limit)).drop("holder")

    def _state(self, run: RunbookRun) -> str:
        silent = run.heartbeat_at < _lost_before(self.use_cases)
        return "lost" if silent and not run.ended else run.state


def _lost_before(uses: _UseCases) -> datetime:
    return uses.indexer.clock() - timedelta(seconds=LOST_AFTER_S)
