"""The runs that one scheduler has begun, each in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.observability import emit
from tradingkb.plain import time_text
from tradingkb.ports import RunbookRun, RunbookStore, ScheduleStore, ScheduleTick
from tradingkb.runbooks.schedule.entries import Schedule

#: Runs that have ended, which a process of years must not gather.
_REMEMBERED: Final = 200
_LOGGER: Final = logging.getLogger("tradingkb")


class Store(ScheduleStore, RunbookStore, Protocol):
    """What a scheduler needs of a store."""


class RunOnce(Protocol):
    """Runs a runbook, and returns when it has ended.

    A run of an id that there is already is refused with an error; so is what cannot be begun.
    `stopping` is set when its kernel is to end.
    """

    def __call__(
        self, schedule: Schedule, slot: datetime, run_id: str, stopping: threading.Event
    ) -> RunbookRun:
        """The run, once it has ended."""


class EndLost(Protocol):
    """Ends the row of a run that nobody runs any more, once, and tells of it."""

    def __call__(self, run: RunbookRun) -> object:
        """Does so, unless somebody else has."""


class Runs:
    """Begins runs of slots that are claimed, some at once, and says what became of the claims."""

    def __init__(
        self,
        store: Store,
        run: RunOnce,
        lost: EndLost,
        *,
        clock: Callable[[], datetime],
        at_once: int,
    ) -> None:
        """Takes what runs a runbook; `at_once` is how many kernels this machine bears."""
        self._store, self._run, self._lost, self._clock = store, run, lost, clock
        self._turns = threading.BoundedSemaphore(at_once)
        self._threads: dict[str, tuple[str, threading.Thread]] = {}
        self._leaving, self._stopping = threading.Event(), threading.Event()
        #: What has ended last, in order; of a run that could not be begun what was decided.
        self.ended: deque[RunbookRun | ScheduleTick] = deque(maxlen=_REMEMBERED)

    def begin(self, schedule: Schedule, claim: ScheduleTick) -> None:
        """Runs what was claimed, in a thread of its own."""
        self._forget_ended()
        run_id = str(claim.run_id)
        thread = threading.Thread(
            target=self._work, args=(schedule, claim), name=f"schedule {run_id}", daemon=True
        )
        self._threads[run_id] = (schedule.name, thread)
        thread.start()

    def end_lost(self, run: RunbookRun) -> None:
        """Ends the row of a dead run, in a thread: whoever is told of it may take half a minute."""
        self._forget_ended()
        thread = threading.Thread(
            target=self._buried, args=(run,), name=f"lost {run.run_id}", daemon=True
        )
        self._threads[run.run_id] = ("", thread)  # its schedule may run again meanwhile
        thread.start()

    def has(self, run_id: str | None) -> bool:
        """Whether this process is at work on a run, or about to."""
        self._forget_ended()
        return run_id in self._threads

    def names(self) -> set[str]:
        """Schedules that this process runs."""
        self._forget_ended()
        return {name for name, _ in self._threads.values()}

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until nothing runs; whether that is so."""
        until = None if seconds is None else time.monotonic() + seconds
        for _, thread in list(self._threads.values()):
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        self._forget_ended()
        return not self._threads

    def leave(self) -> None:
        """Begins nothing more: what waits for its turn is left to another scheduler."""
        self._leaving.set()

    def end(self) -> None:
        """Ends the kernels of what still runs; their rows say so."""
        self._stopping.set()

    def _forget_ended(self) -> None:
        living = {run_id: pair for run_id, pair in self._threads.items() if pair[1].is_alive()}
        self._threads = living

    def _work(self, schedule: Schedule, claim: ScheduleTick) -> None:
        with self._turns:
            # Whoever waited may have been taken for dead: then the slot is somebody else's.
            mine = replace(claim, at=self._clock())
            try:
                if self._leaving.is_set() or not self._store.change_tick(claim, mine):
                    return
                self._ran(schedule, mine)
            except BackendUnavailableError as error:
                # The claim stays as it is: a later turn finds the run, or begins it.
                _LOGGER.warning("schedule %s: %s", schedule.name, error)
            except BaseException:
                _LOGGER.exception("schedule %s: its run ended unforeseen", schedule.name)

    def _buried(self, run: RunbookRun) -> None:
        try:
            self._lost(run)
        except BackendUnavailableError as error:  # a later turn finds it again
            _LOGGER.warning("run %s: %s", run.run_id, error)
        except BaseException:
            _LOGGER.exception("run %s: its end could not be told", run.run_id)

    def _ran(self, schedule: Schedule, claim: ScheduleTick) -> None:
        try:
            run: RunbookRun | None = self._run(
                schedule, claim.slot, str(claim.run_id), self._stopping
            )
            changed = replace(claim, at=self._clock(), decision="started")
        except BackendUnavailableError:
            raise
        except Exception as error:
            run = self._store.runbook_run(str(claim.run_id))
            if run is not None:  # it was begun, here or elsewhere, and its row says the rest
                changed = replace(claim, at=self._clock(), decision="started")
            else:
                told = " ".join(str(error).split()) or type(error).__name__
                changed = replace(
                    claim, at=self._clock(), decision="failed_to_start", run_id=None, detail=told
                )
        self.ended.append(run or changed)
        if self._store.change_tick(claim, changed):
            tell(changed)


def tell(tick: ScheduleTick) -> None:
    """Logs a decision."""
    emit(
        "kb_schedule_tick",
        schedule=tick.schedule,
        slot=time_text(tick.slot),
        decision=tick.decision,
        run_id=tick.run_id,
        detail=tick.detail,
    )
