"""Asking for jobs, looking at them, cancelling them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl

from tradingkb.domain import Actor, Workspace
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.jobs.kinds import Kind
from tradingkb.observability import emit
from tradingkb.ports import Job, JobStore

#: As long as the columns: characters of an idempotency key and of a request id.
_LONGEST: Final = {"idempotency_key": 128, "request_id": 64}
_STATES: Final = ("queued", "running", "succeeded", "failed", "cancelled")


class Jobs:
    """The jobs of one store."""

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """Takes the kinds that there are, by name; clock and ids are aware UTC times and UUIDs."""
        self._store = store
        self._kinds = kinds
        self._clock = clock
        self._new_id = new_id

    def submit(
        self,
        workspace: Workspace,
        kind: str,
        arguments: Mapping[str, Any],
        who: Actor,
        *,
        idempotency_key: str | None = None,
        request_id: str | None = None,
    ) -> Job:
        """Asks for a job; asked for again under the same key, it is the same one.

        Raises:
            NotFoundError: an unknown kind or argument, with near names.
            InvalidInputError: an argument of another type, a key that is none, or one under which
                something else was asked for.
        """
        if kind not in self._kinds:
            raise NotFoundError("kind", str(kind), self._kinds)
        for field, text in (("idempotency_key", idempotency_key), ("request_id", request_id)):
            _check(field, text)
        wanted = Job(
            self._new_id(),
            workspace.id,
            kind,
            self._kinds[kind].check(arguments),
            self._clock(),
            who.name,
            idempotency_key=idempotency_key,
            request_id=request_id,
        )
        job = self._store.add_job(wanted)
        if job.job_id == wanted.job_id:
            emit("kb_job_submitted", job_id=job.job_id, kind=kind, workspace_id=workspace.id)
        elif job.arguments != wanted.arguments:
            raise _other(job, wanted)
        return job

    def job(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            NotFoundError: there is none.
        """
        return _found(self._store.job(job_id), job_id)

    def table(
        self, workspace_id: str | None, state: str | None, limit: int, before: str | None
    ) -> pl.DataFrame:
        """Jobs, newest first; arguments and result as JSON text.

        Args:
            workspace_id: of this workspace; None for all.
            state: in this state; None for all.
            limit: at most so many.
            before: only those after the job of this id.

        Raises:
            NotFoundError: no such state, or no such job.
            InvalidInputError: a limit below 1.
        """
        if state is not None and state not in _STATES:
            raise NotFoundError("state", str(state), _STATES)
        if limit < 1:
            raise InvalidInputError(
                f"{limit} is no number of rows", field="limit", remedy="give 1 or more"
            )
        last = self.job(before) if before is not None else None
        place = (last.created_at, last.job_id) if last else None
        return self._store.job_rows(workspace_id, state, limit, place)

    def cancel(self, job_id: str) -> Job:
        """Cancels a queued job at once; a running one stops at its next progress.

        Raises:
            NotFoundError: there is none.
        """
        return _found(self._store.cancel_job(job_id, self._clock()), job_id)

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return self._store.count_jobs()

    def waits(self) -> dict[str, float]:
        """Seconds that the oldest queued job has waited and the most silent running one kept quiet.

        By state; nothing where there is no such job, and never less than 0: clocks differ.
        """
        now = self._clock()
        found = self._store.waiting_jobs()
        return {state: max(0.0, (now - at).total_seconds()) for state, at in found.items()}

    def last_success(self) -> dict[str, datetime]:
        """When a job of each kind last succeeded, as far as jobs are kept."""
        return self._store.last_job_successes()


def _found(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise NotFoundError("job", str(job_id), None, remedy="kb.jobs() lists them")
    return job


def _check(field: str, text: Any) -> None:
    longest = _LONGEST[field]
    good = text is None or (isinstance(text, str) and text.isprintable() and len(text) > 0)
    if not good or (text is not None and len(text) > longest):
        shown = text[:80] if isinstance(text, str) else text
        raise InvalidInputError(
            f"{shown!r} cannot be used",
            field=field,
            remedy=f"give 1 to {longest} printable characters, or none",
        )


def _other(job: Job, wanted: Job) -> InvalidInputError:
    before, now = job.arguments, wanted.arguments
    name = next(n for n in sorted({*before, *now}) if before.get(n) != now.get(n))
    return InvalidInputError(
        f"{job.idempotency_key!r} names job {job.job_id}, whose {name} is {before.get(name)!r} and "
        f"not {now.get(name)!r}",
        field="idempotency_key",
        remedy="give another key for another job",
    )
