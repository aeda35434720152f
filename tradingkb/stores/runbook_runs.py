"""Queries about runs of runbooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import SUCCEEDED, RunbookOutcome, RunbookRun
from tradingkb.sql import read, reading, writing
from tradingkb.stores.schema_runbooks import runbook_runs

_R = runbook_runs.c
#: Nobody's business outside: the names of machines.
_HIDDEN: Final = ("holder",)


class RunbookQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.RunbookStore` for the guarantees."""

    engine: sa.Engine

    def add_runbook_run(self, run: RunbookRun) -> bool:
        """Stores a new run; False where its id is taken."""
        try:
            with writing(self.engine) as connection:
                connection.execute(sa.insert(runbook_runs).values(**vars(run)))
        except sa.exc.IntegrityError:
            if self.runbook_run(run.run_id) is None:
                raise
            return False
        return True

    def take_runbook_run(self, run: RunbookRun) -> bool:
        """Writes a run over the row of its id that is still starting."""
        return self._rewritten(run.run_id, _R.state == "starting", vars(run))

    def beat_runbook_run(
        self, run_id: str, at: datetime, done: int, total: int, cell: str | None
    ) -> bool:
        """Says that a run lives, and how far it is."""
        values = {"heartbeat_at": at, "cell_done": done, "cell_total": total, "cell": cell}
        return self._rewritten(run_id, _R.state != "ended", {**values, "state": "running"})

    def end_runbook_run(
        self,
        run_id: str,
        at: datetime,
        outcome: RunbookOutcome,
        *,
        error: str | None = None,
        result: Mapping[str, Any] | None = None,
        notebook: str | None = None,
        report: str | None = None,
    ) -> bool:
        """Ends a run that has not ended."""
        values = {"state": "ended", "outcome": outcome, "error": error, "result": result}
        files = {"notebook": notebook, "report": report}
        times = {"ended_at": at, "heartbeat_at": at}
        return self._rewritten(run_id, _R.state != "ended", {**values, **files, **times})

    def end_lost_run(
        self, seen: RunbookRun, at: datetime, error: str, notebook: str | None = None
    ) -> bool:
        """Ends a run as failed that is as it was seen."""
        same = (_R.state == seen.state, _R.holder == seen.holder)
        unchanged = sa.and_(*same, _R.heartbeat_at == seen.heartbeat_at)
        values = {"state": "ended", "outcome": "failed", "error": error, "ended_at": at}
        return self._rewritten(seen.run_id, unchanged, {**values, "notebook": notebook})

    def note_runbook_run(self, run_id: str, error: str) -> None:
        """Replaces what is told of an ended run's errors."""
        self._rewritten(run_id, _R.state == "ended", {"error": error})

    def runbook_run(self, run_id: str) -> RunbookRun | None:
        """The run of that id."""
        with reading(self.engine) as connection:
            found = _runs(connection, sa.select(runbook_runs).where(_R.run_id == run_id))
        return found[0] if found else None

    def open_runbook_runs(self) -> list[RunbookRun]:
        """Runs that have not ended, oldest first."""
        statement = sa.select(runbook_runs).where(_R.state != "ended")
        with reading(self.engine) as connection:
            return _runs(connection, statement.order_by(_R.started_at, _R.run_id))

    def runbook_run_rows(
        self,
        limit: int,
        *,
        runbook: str | None = None,
        workspace: str | None = None,
        since: datetime | None = None,
        before: tuple[datetime, str] | None = None,
    ) -> pl.DataFrame:
        """Runs, newest first; see the port."""
        conditions: list[sa.ColumnElement[bool]] = []
        if runbook is not None:
            conditions.append(_R.runbook == runbook)
        if workspace is not None:
            conditions.append(_R.workspace == workspace)
        if since is not None:
            conditions.append(_R.started_at >= since)
        if before is not None:
            at, run_id = before
            same = sa.and_(_R.started_at == at, _R.run_id < run_id)
            conditions.append(sa.or_(_R.started_at < at, same))
        statement = (
            sa.select(*(c for c in runbook_runs.columns if c.name not in _HIDDEN))
            .where(*conditions)
            .order_by(_R.started_at.desc(), _R.run_id.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def runbook_counts(self) -> pl.DataFrame:
        """Ended runs by runbook and outcome, and when the last of them ended."""
        sums = (sa.func.count().label("count"), sa.func.max(_R.ended_at).label("last_at"))
        statement = (
            sa.select(_R.runbook, _R.outcome, *sums)
            .where(_R.state == "ended")
            .group_by(_R.runbook, _R.outcome)
            .order_by(_R.runbook, _R.outcome)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def failing_runbooks(self, since: datetime, silent: datetime) -> pl.DataFrame:
        """Schedules, and runbooks that changed things, that have failed since they succeeded."""
        name = sa.func.coalesce(_R.schedule, _R.runbook).label("name")
        scheduled = _R.schedule.is_not(None).label("scheduled")
        told = sa.and_(_R.started_at >= since, sa.or_(_R.schedule.is_not(None), ~_R.dry_run))
        lost = sa.and_(_R.state != "ended", _R.heartbeat_at < silent)
        failed = sa.and_(told, sa.or_(_R.outcome == "failed", lost))
        fine = (
            sa.select(name, scheduled, sa.func.max(_R.started_at).label("at"))
            .where(told, _R.outcome.in_(SUCCEEDED))
            .group_by(name, scheduled)
            .subquery()
        )
        last = sa.func.max(_R.started_at).label("last_at")
        first = sa.func.min(_R.started_at).label("first_at")
        since_then = (
            sa.select(name, scheduled, sa.func.count().label("count"), first, last)
            .outerjoin(fine, sa.and_(fine.c.name == name, fine.c.scheduled == scheduled))
            .where(failed, sa.or_(fine.c.at.is_(None), _R.started_at > fine.c.at))
            .group_by(name, scheduled)
            .subquery()
        )
        of = since_then.c
        same = sa.and_(of.name == name, of.scheduled == scheduled, of.last_at == _R.started_at)
        statement = (
            sa.select(*of, _R.run_id, _R.runbook, _R.error)
            .join_from(runbook_runs, since_then, same)
            .where(failed)
            .order_by(of.scheduled.desc(), of.name, _R.run_id)
        )
        with reading(self.engine) as connection:
            found = read(connection, statement)
        return found.unique(["name", "scheduled"], keep="first", maintain_order=True)

    def old_runbook_runs(self, before: datetime) -> list[RunbookRun]:
        """Runs before a time that nobody runs any more, oldest first."""
        idle = sa.or_(_R.state == "ended", _R.heartbeat_at < before)
        statement = sa.select(runbook_runs).where(_R.started_at < before, idle)
        with reading(self.engine) as connection:
            return _runs(connection, statement.order_by(_R.started_at, _R.run_id))

    def delete_runbook_run(self, run_id: str) -> None:
        """Forgets one run."""
        with writing(self.engine) as connection:
            connection.execute(sa.delete(runbook_runs).where(_R.run_id == run_id))

    def _rewritten(
        self, run_id: str, where: sa.ColumnElement[bool], values: Mapping[str, Any]
    ) -> bool:
        change = sa.update(runbook_runs).where(_R.run_id == run_id, where).values(**values)
        with writing(self.engine) as connection:
            return connection.execute(change).rowcount > 0


def _runs(connection: sa.Connection, statement: sa.Select[Any]) -> list[RunbookRun]:
    return [RunbookRun(**row._mapping) for row in connection.execute(statement)]
