"""Runs jobs, one at a time per process, and goes on with those of holders that died."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from tradingkb.exceptions import (
    BackendUnavailableError,
    NotReadyError,
    TradingKBError,
    WorkspaceBusyError,
)
from tradingkb.jobs.holder import own_name
from tradingkb.jobs.kinds import Kind
from tradingkb.jobs.running import RunningJob, Stopped
from tradingkb.jobs.told import told
from tradingkb.jobs.watch import TTL, Watches
from tradingkb.observability import emit
from tradingkb.ports import Job, JobState, JobStore, TransactionStore
from tradingkb.progress import Progress

_LOGGER: Final = logging.getLogger("tradingkb")
#: A job is begun so often: once, and five times more after its process died or a backend was away.
MOST_ATTEMPTS: Final = 6
#: After a backend was away: seconds before the next attempt, each four times the one before.
_FIRST_WAIT_S: Final = 15.0
_LONGEST_WAIT_S: Final = 600.0
#: While another process works on the workspace.
_BUSY_S: Final = 15.0
#: Seconds between attempts to write how a job ended: it must not be done again for a lost line.
_ENDINGS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)


class _Store(JobStore, TransactionStore, Protocol):
    """What running jobs needs of a store."""


class JobRunner:
    """Claims and runs jobs; in a thread of its own between `start` and `stop`."""

    def __init__(
        self,
        store: _Store,
        kinds: Mapping[str, Kind],
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        hidden: tuple[str, ...] = (),
        poll_s: float = 1.0,
    ) -> None:
        """Wires it.

        Args:
            store: which keeps the jobs.
            kinds: what can be run, by name; jobs of other kinds are left to others.
            clock: aware UTC time, for what is shown.
            new_id: tells holders apart.
            monotonic: seconds that only grow; who lives is judged by them.
            sleep: waits before a write is tried again.
            hidden: texts that no error of a job says.
            poll_s: how often the thread looks for work.
        """
        self._store = store
        self._kinds = kinds
        self._clock = clock
        self._new_id = new_id
        self._monotonic = monotonic
        self._sleep = sleep
        self._hidden = hidden
        self._poll_s = poll_s
        self._watches = Watches(monotonic)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Runs jobs in a daemon thread from now on; a second time nothing."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = threading.Event()
            self._thread = threading.Thread(target=self._working, name="jobs", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        """Claims nothing more; a running job stops at its next progress and goes back.

        Another process goes on with it at once. It waits for nothing, and may be said again.
        """
        self._stopping.set()

    def stop(self, grace_s: float = 30.0) -> bool:
        """Leaves, and waits until nothing runs any more.

        A job that makes no progress in time ends with this process, and others find it then.

        Args:
            grace_s: how long to wait for it.

        Returns:
            Whether nothing runs any more.
        """
        self.leave()
        if self._thread is not None:
            self._thread.join(grace_s)
        return self._thread is None or not self._thread.is_alive()

    def run_next(self, watch: Progress = lambda *_: None) -> Job | None:
        """Runs one job here and now: one whose holder has died, else the oldest that may begin.

        Args:
            watch: told of its progress.

        Returns:
            The job afterwards, as far as it is still there; None when there is nothing to do, and
            after `leave`.

        Raises:
            BackendUnavailableError: the database does not answer.
        """
        job = None if self._stopping.is_set() else self._claim()
        if job is None:
            return None
        self._run(job, watch)
        return self._store.job(job.job_id) or job

    def _working(self) -> None:
        stopping = self._stopping
        while not stopping.is_set():
            job = None
            try:
                job = self.run_next()
            except TradingKBError as error:  # the database is away: others say so, too
                _LOGGER.debug("no jobs can be claimed: %s", told(error, self._hidden))
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # a panic of Polars is no Exception
                _LOGGER.debug("claiming a job failed", exc_info=True)
            if job is None:
                stopping.wait(self._poll_s)

    def _claim(self) -> Job | None:
        holder, now = own_name(self._new_id()), self._clock()
        running = self._store.running_jobs()
        self._watches.keep({job.job_id for job in running})
        for job in running:
            free = self._watches.is_free(job.job_id, str(job.holder), job.heartbeat_at)
            if free and job.kind in self._kinds:
                taken = self._store.take_job(job, holder, now, now + TTL)
                if taken is not None:
                    return taken
        latest = now + timedelta(seconds=_LONGEST_WAIT_S)
        return self._store.claim_job(self._kinds.keys(), holder, now, now + TTL, latest)

    def _run(self, job: Job, watch: Progress) -> None:
        began = self._monotonic()
        emit(
            "kb_job_started",
            job_id=job.job_id,
            kind=job.kind,
            workspace_id=job.workspace_id,
            attempt=job.attempts,
        )
        state, error = self._attempt(job, watch)
        emit(
            "kb_job_ended",
            job_id=job.job_id,
            kind=job.kind,
            workspace_id=job.workspace_id,
            state=state,
            attempt=job.attempts,
            duration_s=round(self._monotonic() - began, 3),
            error=error,
        )

    def _attempt(self, job: Job, watch: Progress) -> tuple[str, str | None]:
        """Runs a job that may be run, and writes how that ended: (state, error)."""
        if job.cancel_requested:
            return self._end(job, "cancelled", error=job.error)
        if job.attempts > MOST_ATTEMPTS:
            return self._end(job, "failed", error=_given_up(job))
        if self._stopping.is_set():  # since it was claimed
            return self._release(job)
        return self._work(job, watch)

    def _work(self, job: Job, watch: Progress) -> tuple[str, str | None]:
        running = RunningJob(
            self._store,
            job,
            clock=self._clock,
            monotonic=self._monotonic,
            stopping=self._stopping.is_set,
            watch=watch,
        )
        try:
            with running, self._store.unhurried():
                result = self._kinds[job.kind].run(job, running.progress)
        except Stopped as stop:
            if stop.why == "lost":
                return "lost", None
            if stop.why == "stopped":
                return self._release(job)
            return self._end(job, "cancelled", progress=running.place)
        except WorkspaceBusyError:
            return self._release(job, wait_s=_BUSY_S)
        except (BackendUnavailableError, NotReadyError) as error:
            return self._again(job, told(error, self._hidden), running.place)
        except (KeyboardInterrupt, SystemExit):
            self._release(job)
            raise
        except BaseException as error:  # a panic of Polars is no Exception
            _LOGGER.debug("a job failed", exc_info=True)
            failed = told(error, self._hidden)
            return self._end(job, "failed", error=failed, progress=running.place)
        return self._end(job, "succeeded", result=result, progress=running.place)

    def _again(self, job: Job, error: str, place: tuple[int, int | None]) -> tuple[str, str | None]:
        """After a backend was away: later once more, but not for ever."""
        if job.attempts >= MOST_ATTEMPTS:
            return self._end(job, "failed", error=error, progress=place)
        wait_s = min(_FIRST_WAIT_S * 4.0 ** (job.attempts - 1), _LONGEST_WAIT_S)
        return self._release(job, wait_s=wait_s, error=error, counted=True)

    def _release(
        self,
        job: Job,
        *,
        wait_s: float | None = None,
        error: str | None = None,
        counted: bool = False,
    ) -> tuple[str, str | None]:
        wait = self._clock() + timedelta(seconds=wait_s) if wait_s is not None else None
        written = self._written(
            lambda: self._store.release_job(
                job.job_id, str(job.holder), not_before=wait, error=error, counted=counted
            )
        )
        return ("queued" if written else "lost"), error

    def _end(self, job: Job, state: JobState, **more: Any) -> tuple[str, str | None]:
        written = self._written(
            lambda: self._store.end_job(job.job_id, str(job.holder), state, self._clock(), **more)
        )
        return (state if written else "lost"), more.get("error")

    def _written(self, write: Callable[[], bool]) -> bool:
        for wait_s in _ENDINGS_S:
            try:
                return write()
            except BackendUnavailableError:
                self._sleep(wait_s)
        return False


def _given_up(job: Job) -> str:
    last = f"; the last error: {job.error}" if job.error else ""
    return (
        f"given up: it was begun {job.attempts - 1} times, and its process died each time before "
        f"it ended{last}"
    )
