"""One job while this process runs it: it says that it lives, and hears when it has to stop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Final, Literal

from tradingkb.exceptions import TradingKBError
from tradingkb.jobs.heartbeat import Heartbeat
from tradingkb.jobs.place import Place
from tradingkb.jobs.watch import RENEW_S, SELF_S, TTL
from tradingkb.ports import Job, JobStore
from tradingkb.progress import Progress

#: Progress is written at most so often.
_WRITE_S: Final = 1.0

Why = Literal["cancelled", "stopped", "lost"]


class Stopped(BaseException):
    """A job has to stop; no error, so that nothing on the way takes it for one."""

    def __init__(self, why: Why) -> None:
        self.why: Why = why
        super().__init__(f"the job was {why}")


class RunningJob:
    """The heartbeat of a job, and its progress; a context while the job runs."""

    def __init__(
        self,
        store: JobStore,
        job: Job,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
        watch: Progress,
    ) -> None:
        """Takes a job that was just claimed.

        Args:
            store: which keeps it.
            job: as it was claimed.
            clock: aware UTC time.
            monotonic: seconds that only grow.
            stopping: whether this process is to give it back.
            watch: told of its progress, too.
        """
        self._store, self._job, self._holder = store, job, str(job.holder)
        self._clock, self._monotonic = clock, monotonic
        self._stopping, self._watch = stopping, watch
        known = (job.progress_done, job.progress_total)
        self._place = Place(resumed=known if job.progress_total is not None else None)
        self._alive_at, self._written_at = monotonic(), -math.inf
        self._lost = False
        self._beat = Heartbeat(lambda: self._say() is not None, RENEW_S, "job heartbeat")

    @property
    def place(self) -> tuple[int, int | None]:
        """(done, total) by now."""
        return self._place.whole

    def __enter__(self) -> RunningJob:
        """Begins to say that it lives."""
        self._beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Says it no more."""
        self._beat.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Takes a report, and looks whether the job has to stop.

        Raises:
            Stopped: it was cancelled, this process is stopping, or it is another's job by now.
        """
        self._place = self._place.moved(what, done, total)
        self._watch(what, done, total)
        with contextlib.suppress(TradingKBError):  # a database that is away for a moment
            self._look()
        if self._lost or self._beat.lost or self._monotonic() - self._alive_at > SELF_S:
            raise Stopped("lost")
        if self._stopping():
            raise Stopped("stopped")

    def _look(self) -> None:
        if self._monotonic() - self._written_at >= _WRITE_S:
            job = self._say(self._place.whole)
        else:
            job = self._store.job(self._job.job_id)
        mine = job is not None and (job.state, job.holder) == ("running", self._holder)
        self._lost = self._lost or not mine
        if mine and job is not None and job.cancel_requested:
            raise Stopped("cancelled")

    def _say(self, place: tuple[int, int | None] | None = None) -> Job | None:
        now = self._clock()
        job = self._store.beat_job(self._job.job_id, self._holder, now, now + TTL, place)
        if job is not None:
            self._alive_at = self._monotonic()
            if place is not None:
                self._written_at = self._alive_at
        return job
