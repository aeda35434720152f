"""Queries about jobs. Every change names the state, and the holder, that it starts from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import FINISHED, Job, JobState
from tradingkb.sql import UtcTime, read, reading, writing
from tradingkb.stores import schema_service

_T: Final = schema_service.jobs
_J = _T.c
#: Nobody's business outside: the names of machines, and what a client calls a job.
_HIDDEN: Final = ("holder", "expires_at", "idempotency_key")
_ONE_CLAIM: Final = "SELECT pg_advisory_xact_lock(hashtext('tradingkb.jobs'))"


class JobQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.JobStore` for the guarantees."""

    engine: sa.Engine

    def add_job(self, job: Job) -> Job:
        """Stores a queued job; what its key names already is given instead."""
        try:
            with writing(self.engine) as connection:
                connection.execute(sa.insert(_T).values(**vars(job)))
        except sa.exc.IntegrityError:
            same = (
                _J.workspace_id == job.workspace_id,
                _J.kind == job.kind,
                _J.idempotency_key == job.idempotency_key,
            )
            with reading(self.engine) as connection:
                if (known := _one(connection, *same)) is None:
                    raise
            return known
        return job

    def job(self, job_id: str) -> Job | None:
        """The job of that id."""
        with reading(self.engine) as connection:
            return _one(connection, _J.job_id == job_id)

    def job_rows(
        self,
        workspace_id: str | None,
        state: str | None,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> pl.DataFrame:
        """Jobs, newest first; arguments and result as JSON text."""
        conditions: list[sa.ColumnElement[bool]] = []
        if workspace_id is not None:
            conditions.append(_J.workspace_id == workspace_id)
        if state is not None:
            conditions.append(_J.state == state)
        if before is not None:
            at, job_id = before
            same = sa.and_(_J.created_at == at, _J.job_id < job_id)
            conditions.append(sa.or_(_J.created_at < at, same))
        statement = (
            sa.select(*(c for c in _T.columns if c.name not in _HIDDEN))
            .where(*conditions)
            .order_by(_J.created_at.desc(), _J.job_id.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def running_jobs(self) -> list[Job]:
        """Jobs that somebody holds, oldest first."""
        running = sa.select(_T).where(_J.state == "running").order_by(_J.created_at)
        with reading(self.engine) as connection:
            return [Job(**row._mapping) for row in connection.execute(running)]

    def claim_job(
        self,
        kinds: Collection[str],
        holder: str,
        at: datetime,
        expires_at: datetime,
        latest: datetime,
    ) -> Job | None:
        """Takes the oldest queued job that may be begun; no two callers get one job."""
        busy = sa.select(_J.workspace_id).where(_J.state == "running")
        due = sa.or_(_J.expires_at.is_(None), _J.expires_at <= at, _J.expires_at > latest)
        next_one = (
            sa.select(_J.job_id)
            .where(_J.state == "queued", _J.kind.in_(list(kinds)), due)
            .where(_J.workspace_id.not_in(busy))
            .order_by(_J.created_at, _J.job_id)
            .limit(1)
        )
        with reading(self.engine) as connection:  # an idle runner asks for no lock
            if connection.scalar(next_one) is None:
                return None
        with writing(self.engine) as connection:  # SQLite's writers are alone anyway
            if connection.dialect.name == "postgresql":
                # Two claims at one moment would get two jobs of one workspace.
                connection.execute(sa.text(_ONE_CLAIM))
            job_id = connection.scalar(next_one.with_for_update(skip_locked=True))
            if job_id is None:
                return None
            mine = _taken(holder, at, expires_at)
            connection.execute(sa.update(_T).where(_J.job_id == job_id).values(mine))
            return _one(connection, _J.job_id == job_id)

    def take_job(self, seen: Job, holder: str, at: datetime, expires_at: datetime) -> Job | None:
        """Takes a running job from its holder, if it is unchanged since it was seen."""
        unchanged = (*_held(seen.job_id, str(seen.holder)), _J.heartbeat_at == seen.heartbeat_at)
        return self._changed(seen.job_id, unchanged, _taken(holder, at, expires_at))

    def beat_job(
        self,
        job_id: str,
        holder: str,
        at: datetime,
        expires_at: datetime,
        progress: tuple[int, int | None] | None = None,
    ) -> Job | None:
        """Says that a holder lives, and how far it is; None when it is not its job any more."""
        values = {"heartbeat_at": at, "expires_at": expires_at, **_progress(progress)}
        return self._changed(job_id, _held(job_id, holder), values)

    def release_job(
        self,
        job_id: str,
        holder: str,
        *,
        not_before: datetime | None = None,
        error: str | None = None,
        counted: bool = False,
    ) -> bool:
        """Puts a job back into the queue, if it is still the holder's; whether it was."""
        attempts = _J.attempts if counted else _J.attempts - 1
        values: dict[str, Any] = {"state": "queued", "attempts": attempts, "error": error}
        values |= {"holder": None, "expires_at": not_before}
        return self._changed(job_id, _held(job_id, holder), values) is not None

    def end_job(
        self,
        job_id: str,
        holder: str,
        state: JobState,
        at: datetime,
        *,
        error: str | None = None,
        result: Mapping[str, Any] | None = None,
        progress: tuple[int, int | None] | None = None,
    ) -> bool:
        """Ends a job in a state of `FINISHED`, if it is still the holder's; whether it was."""
        values = {"state": state, "finished_at": at, "error": error, "result": result}
        values |= {"holder": None, "expires_at": None, **_progress(progress)}
        return self._changed(job_id, _held(job_id, holder), values) is not None

    def cancel_job(self, job_id: str, at: datetime) -> Job | None:
        """Cancels a queued job at once, asks a running one to stop, leaves an ended one alone."""
        queued = _J.state == "queued"
        values = {
            "state": sa.case((queued, "cancelled"), else_=_J.state),
            "finished_at": sa.case((queued, sa.literal(at, UtcTime)), else_=_J.finished_at),
            "expires_at": sa.case((queued, sa.null()), else_=_J.expires_at),
            "cancel_requested": True,
        }
        # One statement: between two of them, a running job may be given back.
        mine = (_J.job_id == job_id, _J.state.not_in(FINISHED))
        return self._changed(job_id, mine, values) or self.job(job_id)

    def count_jobs(self) -> dict[str, int]:
        """How many jobs are in each state, 0 included."""
        counts = sa.select(_J.state, sa.func.count()).group_by(_J.state)
        with reading(self.engine) as connection:
            found = {state: int(n) for state, n in connection.execute(counts)}
        return {state: found.get(state, 0) for state in schema_service.JOB_STATES}

    def last_job_successes(self) -> dict[str, datetime]:
        """When a job of each kind last succeeded."""
        last = sa.select(_J.kind, sa.func.max(_J.finished_at)).where(_J.state == "succeeded")
        with reading(self.engine) as connection:
            return {row[0]: row[1] for row in connection.execute(last.group_by(_J.kind))}

    def waiting_jobs(self) -> dict[str, datetime]:
        """Since when jobs wait, by state; see the port."""
        since = {
            "queued": _J.created_at,
            "running": sa.func.coalesce(_J.heartbeat_at, _J.started_at),
        }
        found: dict[str, datetime] = {}
        with reading(self.engine) as connection:
            for state, time in since.items():
                first = sa.select(sa.func.min(time, type_=UtcTime())).where(_J.state == state)
                if (at := connection.scalar(first)) is not None:
                    found[state] = at
        return found

    def count_old_jobs(self, before: datetime) -> int:
        """Jobs that ended before a time."""
        with reading(self.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).where(*_ended(before))) or 0)

    def delete_jobs(self, before: datetime, limit: int) -> int:
        """Deletes jobs that ended before a time, in one short transaction; how many."""
        chosen = sa.select(_J.job_id).where(*_ended(before)).limit(limit)
        with writing(self.engine) as connection:
            return connection.execute(sa.delete(_T).where(_J.job_id.in_(chosen))).rowcount

    def _changed(
        self, job_id: str, where: Collection[sa.ColumnElement[bool]], values: Mapping[str, Any]
    ) -> Job | None:
        """The job after a change; None, and nothing is changed, where it is not so."""
        with writing(self.engine) as connection:
            if not connection.execute(sa.update(_T).where(*where).values(values)).rowcount:
                return None
            return _one(connection, _J.job_id == job_id)


def _one(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Job | None:
    row = connection.execute(sa.select(_T).where(*where)).first()
    return Job(**row._mapping) if row is not None else None


def _held(job_id: str, holder: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _J.job_id == job_id, _J.state == "running", _J.holder == holder


def _ended(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return _J.state.in_(FINISHED), _J.finished_at < before


def _taken(holder: str, at: datetime, expires_at: datetime) -> dict[str, Any]:
    return {
        "state": "running",
        "holder": holder,
        "heartbeat_at": at,
        "expires_at": expires_at,
        "attempts": _J.attempts + 1,
        "started_at": sa.func.coalesce(_J.started_at, sa.literal(at, UtcTime)),
    }


def _progress(progress: tuple[int, int | None] | None) -> dict[str, Any]:
    if progress is None:
        return {}
    return {"progress_done": progress[0], "progress_total": progress[1]}
