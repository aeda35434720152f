"""Executing a notebook's cells in a kernel of its own, until they end or have to."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tradingkb.runbooks.running.kernel import Kernel

if TYPE_CHECKING:
    from tradingkb.runbooks.running.cells import Cells
    from tradingkb.runbooks.running.places import CellAt

#: Seconds between two signs of life.
BEAT_S: Final = 5.0


_START_S: Final = 120
_OUTPUT_S: Final = 60
_LOOK_S: Final = 0.5
#: What nbclient says of itself; what matters of it is in the row.
_LOG: Final = logging.getLogger("tradingkb.runbooks.nbclient")
_LOG.setLevel(logging.CRITICAL)


class Execution:
    """One run of one notebook. The kernel is watched from outside: it may be dead, or deaf."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        deadline_s: float,
        beat: Callable[[CellAt | None], None],
        stop: threading.Event | None = None,
        grace_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what is to be watched.

        Args:
            kernel: not started yet.
            deadline_s: seconds that everything may take.
            beat: told of each cell, and None every five seconds; in the caller's thread.
            stop: set to end the run.
            grace_s: seconds between an interrupt and the end.
            monotonic: seconds that only grow.
        """
        self._kernel, self._beat, self._stop = kernel, beat, stop or threading.Event()
        self._deadline_s, self._grace_s, self._monotonic = deadline_s, grace_s, monotonic
        self._events: queue.SimpleQueue[CellAt | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._death = ""
        self._outside = False
        self.interrupted = False

    def tell(self, at: CellAt) -> None:
        """Takes word of a cell from the thread that executes."""
        self._events.put(at)

    def run(self, cells: Cells) -> str | None:
        """Executes all cells, or as many as can be.

        Returns:
            Why the run was ended from outside, or why the kernel ended; None where the cells
            themselves came to their end, by an error or not.

        Raises:
            Exception: whatever who is told raises; the kernel has been ended.
        """
        work = threading.Thread(target=self._work, args=(cells,), name="runbook", daemon=True)
        work.start()
        try:
            ended = self._watched()
        except BaseException:  # of whoever is told: nothing goes on that nobody looks after
            self._kernel.kill()
            raise
        work.join(self._grace_s)
        return ended or self._died()

    def _watched(self) -> str | None:
        """Waits for the end, gives signs of life, and ends what does not end; why it did."""
        until, beat_at = self._monotonic() + self._deadline_s, self._monotonic() + BEAT_S
        stages = iter((self._interrupt, self._kernel.kill, None))
        why: str | None = None
        while True:
            try:
                if not self._next_event(min(until, beat_at)):
                    return why
                now = self._monotonic()
                if now >= beat_at:
                    self._beat(None)
                    beat_at = now + BEAT_S
                if why is None and self._stop.is_set():
                    why, until = "interrupted", now
                if now >= until:
                    why = why or f"its deadline of {self._deadline_s:g} s was over"
                    step = next(stages)
                    if step is None:  # no kernel is left, and still its thread waits for one
                        return why
                    step()
                    until = now + self._grace_s
            except KeyboardInterrupt:  # the first one asks, the second one has no patience
                self.interrupted = True
                why, until = why or "interrupted", self._monotonic()

    def _next_event(self, until: float) -> bool:
        """Passes on what the cells say; False when there is nothing more to come."""
        try:
            wait = min(max(until - self._monotonic(), 0.0), _LOOK_S)
            event = self._events.get(timeout=wait)
        except queue.Empty:
            return True
        if event is None:
            return False
        self._beat(event)
        return True

    def _interrupt(self) -> None:
        self._outside = True
        self._kernel.interrupt()

    def _died(self) -> str | None:
        from nbclient.exceptions import DeadKernelError

        if self._error is None:
            return None
        self._kernel.kill()  # what it has started is no longer looked after
        if isinstance(self._error, DeadKernelError):
            return f"its kernel died{self._death}"
        text = str(self._error).strip() or type(self._error).__name__
        return f"its kernel could not be used: {text}{self._death}"

    def _work(self, cells: Cells) -> None:
        from jupyter_core.utils import ensure_event_loop

        try:
            self._execute(cells)
        except BaseException as error:  # nbclient, zmq and papermill have errors of every kind
            self._error = error
            self._death = self._kernel.death()
        finally:
            if self._outside:  # and whatever it has started
                self._kernel.kill()
            self._kernel.close()
            ensure_event_loop().close()
            self._events.put(None)

    def _execute(self, cells: Cells) -> None:
        from jupyter_core.utils import run_sync

        from tradingkb.runbooks.running.client import Client

        client: Any = Client(
            cells,
            km=self._kernel.manager,
            kernel_name="python3",
            timeout=None,
            startup_timeout=_START_S,
            iopub_timeout=_OUTPUT_S,
            log=_LOG,
        )
        try:
            cells.notebook_start()
            with self._kernel.options() as options:
                client.execute(**options)
        finally:
            if client.kc is not None:
                run_sync(_stopped)(client.kc)


async def _stopped(client: Any) -> None:
    client.stop_channels()
