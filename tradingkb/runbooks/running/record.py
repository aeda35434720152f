"""The row of a run, and the log, while it runs and when it has ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from tradingkb.exceptions import InvalidInputError, TradingKBError
from tradingkb.observability import emit
from tradingkb.ports import RunbookRun, RunbookStore
from tradingkb.runbooks.running.places import CellAt

#: Seconds between attempts to write the end of a run.
_WAITS: Final = (0.5, 1.0, 2.0, 4.0)


class Beside:
    """Does one thing at a time in a thread of its own; what comes meanwhile is left out."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._thread: threading.Thread | None = None

    def do(self, what: Callable[[], object]) -> None:
        """Begins it and returns at once."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=what, name="runbook beat", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Waits until nothing is done."""
        if self._thread is not None:
            self._thread.join()


class Record:
    """One run as the store and the log are told of it.

    A store that does not answer meanwhile ends no run, and delays no deadline: only the end is
    insisted on.
    """

    def __init__(
        self,
        store: RunbookStore,
        run: RunbookRun,
        *,
        clock: Callable[[], datetime],
        told: Callable[[CellAt], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Takes who is told of each cell beside them."""
        self._store, self._clock, self._told, self._sleep = store, clock, told, sleep
        self._beside = Beside()
        self.run = run

    def begin(self, *, known: bool) -> None:
        """Stores the run.

        Args:
            known: whether somebody has asked for it under its id, and stored that.

        Raises:
            InvalidInputError: another run has its id, or somebody runs it already.
            BackendUnavailableError: the store does not answer.
        """
        self.run = replace(self.run, state="running")
        taken = known and self._store.take_runbook_run(self.run)
        if not taken and not self._store.add_runbook_run(self.run):
            raise InvalidInputError(
                f"run {self.run.run_id} is there already", field="run_id", remedy="leave it out"
            )
        run = self.run
        emit(
            "runbook_start",
            run_id=run.run_id,
            runbook=run.runbook,
            version=run.version,
            workspace=run.workspace,
            dry_run=run.dry_run,
            actor=run.actor,
            schedule=run.schedule,
        )

    def beat(self, at: CellAt | None) -> None:
        """Tells of a cell that begins or has ended; None says only that the run lives."""
        run = self.run
        if at is not None:
            done = at.number if at.seconds is not None else at.number - 1
            self.run = run = replace(run, cell_done=done, cell_total=at.total, cell=at.title)
            self._told(at)
        if at is not None and at.seconds is not None:
            emit(
                "runbook_cell",
                run_id=run.run_id,
                runbook=run.runbook,
                cell=at.number,
                cells=at.total,
                title=at.title,
                ms=round(at.seconds * 1000),
            )
            return  # the next one is about to begin
        self._beside.do(self._beat)

    def _beat(self) -> None:
        run = self.run
        with contextlib.suppress(TradingKBError):
            done, total = run.cell_done, run.cell_total
            self._store.beat_runbook_run(run.run_id, self._clock(), done, total, run.cell)

    def end(self, ended: RunbookRun) -> RunbookRun:
        """Writes how the run ended; where that fails for seconds, the run says so.

        Returns:
            The run as it is stored, or would be.
        """
        self._beside.wait()
        self.run = ended
        for wait in (*_WAITS, None):
            try:
                self._write(ended)
            except TradingKBError as error:
                if wait is None:
                    why = f"{type(error).__name__}: {error}"
                    emit("runbook_unrecorded", run_id=ended.run_id, error=why)
                    self.run = ended.with_error(f"its row could not be written: {error}")
                else:
                    self._sleep(wait)
            else:
                break
        run = self.run
        emit(
            "runbook_complete",
            run_id=run.run_id,
            runbook=run.runbook,
            outcome=run.outcome,
            ms=round(((run.ended_at or run.started_at) - run.started_at).total_seconds() * 1000),
            schedule=run.schedule,
            error=run.error,
        )
        return run

    def note(self, what: str) -> RunbookRun:
        """Adds what went wrong after the end."""
        self.run = self.run.with_error(what)
        with contextlib.suppress(TradingKBError):
            self._store.note_runbook_run(self.run.run_id, str(self.run.error))
        return self.run

    def _write(self, ended: RunbookRun) -> None:
        run_id, total = ended.run_id, ended.cell_total
        at = ended.ended_at or self._clock()
        self._store.beat_runbook_run(run_id, at, ended.cell_done, total, ended.cell)
        written = self._store.end_runbook_run(
            run_id,
            at,
            ended.outcome or "failed",
            error=ended.error,
            result=ended.result,
            notebook=ended.notebook,
            report=ended.report,
        )
        found = None if written else self._store.runbook_run(run_id)
        if found is not None and found.ended_at != at:  # it was silent so long that it was lost
            lived = found.with_error(f"its runner lived, and ended it as {ended.outcome}")
            self._store.note_runbook_run(run_id, str(lived.error))
