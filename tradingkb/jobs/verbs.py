"""The verbs of `KnowledgeBase` about long work: jobs, and leases of workspaces.

Each verb is its docstring and a delegation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import polars as pl

from tradingkb.domain import Actor, Workspace
from tradingkb.jobs.held import BrokenLease, break_lease, lease_table
from tradingkb.jobs.holder import user_name
from tradingkb.jobs.queue import Jobs
from tradingkb.jobs.runner import JobRunner
from tradingkb.ports import Job, LeaseStore, WorkspaceStore


class _Spaces(Protocol):
    def find(self, name: str, *, create_default: bool = False) -> Workspace: ...


class _Store(LeaseStore, WorkspaceStore, Protocol):
    """What the verbs about leases need of a store."""


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> _Spaces: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def job_runner(self) -> Callable[[], JobRunner]: ...


class LongWork:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    def submit_job(
        self,
        kind: str,
        workspace: str = "default",
        arguments: Mapping[str, Any] = MappingProxyType({}),
        *,
        idempotency_key: str | None = None,
        actor: str | None = None,
        request_id: str | None = None,
    ) -> Job:
        """Asks for long work that is done later, by whichever process runs jobs.

        Those of one workspace are run one after the other.

        Args:
            kind: "reembed" (as `reembed`, with target_model, target_collection and restart) or
                "ingest" (indexes what is stored; without arguments).
            workspace: slug or id.
            arguments: of the kind.
            idempotency_key: your name for it, up to 128 printable characters: asked for again under
                the same one, it is the same job, as long as that is kept.
            actor: who asks; default the user name.
            request_id: of the request that asks, up to 64 printable characters.

        Raises:
            NotFoundError: an unknown kind, argument or workspace, with near names.
            InvalidInputError: an argument of another type, or a key of another job.
        """
        space = self.use_cases.workspaces.find(workspace, create_default=True)
        return self.use_cases.jobs.submit(
            space,
            kind,
            arguments,
            Actor(actor or user_name()),
            idempotency_key=idempotency_key,
            request_id=request_id,
        )

    def job(self, job_id: str) -> Job:
        """One job: its state, progress, error and result.

        Raises:
            NotFoundError: there is none of that id.
        """
        return self.use_cases.jobs.job(job_id)

    def jobs(
        self,
        workspace: str | None = None,
        state: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> pl.DataFrame:
        """Jobs, newest first; arguments and result as JSON text.

        Args:
            workspace: slug or id; None for all.
            state: queued, running, succeeded, failed or cancelled; None for all.
            limit: most rows.
            before: the job_id of the last row of the page before.

        Raises:
            NotFoundError: no such workspace, state or job.
            InvalidInputError: a limit below 1.
        """
        space = None if workspace is None else self.use_cases.workspaces.find(workspace).id
        return self.use_cases.jobs.table(space, state, limit, before)

    def cancel_job(self, job_id: str) -> Job:
        """Cancels a queued job at once; a running one stops at its next progress.

        What it has done stays, and the next one of its kind goes on with it. One that has ended is
        left as it is.

        Raises:
            NotFoundError: there is none of that id.
        """
        return self.use_cases.jobs.cancel(job_id)

    def job_runner(self) -> JobRunner:
        """What runs jobs: `start()` a thread, `stop()` it before `close()`; or `run_next()` here.

        Any number of processes may run jobs of one store; each job is run by one at a time, and one
        that dies is followed by another.
        """
        return self.use_cases.job_runner()

    def leases(self) -> pl.DataFrame:
        """Who works on which workspace: name, workspace, holder, state, acquired_at, expires_at.

        "dead" is a process of this machine that is gone: the next one takes its lease at once. One
        of another machine loses it when it has not renewed it for 60 seconds. Times are those of
        the holder's clock.
        """
        return lease_table(self.use_cases.store)

    def break_lease(
        self, name: str, *, reason: str, actor: str | None = None, actor_type: str = "admin"
    ) -> BrokenLease:
        """Takes a lease from its holder, so that others can work on the workspace; nothing is lost.

        A holder that lives stops at its next progress; what it has written stays, and the next
        ingest or re-embedding finishes it.

        Args:
            name: of the lease, or slug or id of its workspace.
            reason: why; logged.
            actor: who does it; default the user name.
            actor_type: "admin", "system", ...

        Raises:
            NotFoundError: nobody holds such a lease.
            InvalidInputError: an empty reason.
        """
        return break_lease(
            self.use_cases.store, name, Actor(actor or user_name(), actor_type, reason)
        )
