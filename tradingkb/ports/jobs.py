"""The port of jobs: work that somebody asked for and does not wait for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

import polars as pl

from tradingkb.plain import plain

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
#: States that a job does not leave.
FINISHED: Final = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One job as it is stored. Times are aware UTC.

    Attributes:
        job_id: names it.
        workspace_id: whose work it is.
        kind: what is done: "reembed", "ingest".
        arguments: of the kind, complete.
        state: queued, running, succeeded, failed or cancelled; the last three are never left.
        idempotency_key: the caller's name for it; asked for twice, it is one job.
        progress_done: how much is done, in what the kind counts.
        progress_total: of how much; None while it is not known.
        attempts: how often it was begun and not given back.
        cancel_requested: whether it is to stop at its next progress.
        error: why it failed, or why it waits for another attempt.
        result: the report of what was done.
        actor: who asked for it.
        request_id: of the request that asked for it.
        created_at, started_at, finished_at: when it was asked for, first begun and ended.
        heartbeat_at: when its holder last said that it lives, by the holder's clock.
        holder: who runs it.
        expires_at: of a queued one the time before which it is not begun; None for at once. Of a
            running one, by the clock of the holder, when it means to have said so again: nobody
            decides by it, since clocks differ.
    """

    job_id: str
    workspace_id: str
    kind: str
    arguments: Mapping[str, Any]
    created_at: datetime
    actor: str
    state: JobState = "queued"
    idempotency_key: str | None = None
    progress_done: int = 0
    progress_total: int | None = None
    attempts: int = 0
    cancel_requested: bool = False
    error: str | None = None
    result: Mapping[str, Any] | None = None
    request_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heartbeat_at: datetime | None = None
    holder: str | None = None
    expires_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether its state is one that it does not leave."""
        return self.state in FINISHED

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; who holds it is not for everybody."""
        return {
            "job_id": self.job_id,
            "workspace_id": self.workspace_id,
            "kind": self.kind,
            "arguments": plain(self.arguments),
            "state": self.state,
            "progress": {"done": self.progress_done, "total": self.progress_total},
            "attempts": self.attempts,
            "cancel_requested": self.cancel_requested,
            "error": self.error,
            "result": plain(self.result),
            "actor": self.actor,
            "request_id": self.request_id,
            "created_at": plain(self.created_at),
            "started_at": plain(self.started_at),
            "finished_at": plain(self.finished_at),
            "heartbeat_at": plain(self.heartbeat_at),
        }


class JobStore(Protocol):
    """Jobs of all workspaces.

    A running job has one holder. What a holder writes is written only while it still is that, so
    that one that was thought dead changes nothing; whether a holder lives, others judge.
    """

    def add_job(self, job: Job) -> Job:
        """Stores a queued job.

        Returns:
            It, or the one that its workspace, kind and idempotency key name already.
        """

    def job(self, job_id: str) -> Job | None:
        """The job of that id."""

    def job_rows(
        self,
        workspace_id: str | None,
        state: str | None,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> pl.DataFrame:
        """Jobs, newest first; arguments and result as JSON text.

        Args:
            workspace_id: of this workspace; None for all.
            state: in this state; None for all.
            limit: at most so many.
            before: only those that come after the one of this (created_at, job_id).
        """

    def running_jobs(self) -> list[Job]:
        """Jobs that somebody holds, oldest first."""

    def claim_job(
        self,
        kinds: Collection[str],
        holder: str,
        at: datetime,
        expires_at: datetime,
        latest: datetime,
    ) -> Job | None:
        """Takes the oldest queued job that may be begun; no two callers get one job.

        Of a workspace one is run at a time. The attempt is counted.

        Args:
            kinds: that the caller can run.
            holder: who runs it from now on.
            at: now; one that waits until later is not begun.
            expires_at: of the holder.
            latest: one that waits until after this is begun: a clock was wrong.

        Returns:
            The job as it is now; None when there is none.
        """

    def take_job(self, seen: Job, holder: str, at: datetime, expires_at: datetime) -> Job | None:
        """Takes a running job from its holder, if it is unchanged since it was seen.

        The attempt is counted. Of two callers one gets it.

        Returns:
            The job as it is now; None when it has changed.
        """

    def beat_job(
        self,
        job_id: str,
        holder: str,
        at: datetime,
        expires_at: datetime,
        progress: tuple[int, int | None] | None = None,
    ) -> Job | None:
        """Says that a holder lives, and how far it is; None when it is not its job any more."""

    def release_job(
        self,
        job_id: str,
        holder: str,
        *,
        not_before: datetime | None = None,
        error: str | None = None,
        counted: bool = False,
    ) -> bool:
        """Puts a job back into the queue, if it is still the holder's; whether it was.

        Args:
            job_id: which.
            holder: who gives it back.
            not_before: nobody begins it before.
            error: why it waits.
            counted: whether the attempt counts.
        """

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

    def cancel_job(self, job_id: str, at: datetime) -> Job | None:
        """Cancels a queued job at once, asks a running one to stop, and leaves an ended one alone.

        Returns:
            The job as it is now; None when there is none.
        """

    def count_jobs(self) -> dict[str, int]:
        """How many jobs are in each state, 0 included."""

    def waiting_jobs(self) -> dict[str, datetime]:
        """When the oldest queued job was asked for, and the most silent running one last spoke.

        Returns:
            By state, "queued" and "running"; nothing where there is no such job.
        """

    def last_job_successes(self) -> dict[str, datetime]:
        """When a job of each kind last succeeded."""
