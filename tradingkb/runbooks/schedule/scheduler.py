"""Runs what is due: decides each slot once, whoever else does, and says that it lives."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from tradingkb.exceptions import TradingKBError
from tradingkb.jobs import Watches, own_name
from tradingkb.observability import emit
from tradingkb.ports import RunbookRun, ScheduleState, ScheduleTick
from tradingkb.runbooks.schedule.due import Due, due
from tradingkb.runbooks.schedule.entries import Check, Schedule, ScheduleFile
from tradingkb.runbooks.schedule.running import EndLost, RunOnce, Runs, Store, tell
from tradingkb.runbooks.schedule.states import SCHEDULER, Reader, in_force, published

_LOGGER: Final = logging.getLogger("tradingkb")
#: Runs at once: a kernel takes a processor and some hundred megabytes.
AT_ONCE: Final = 4
#: Seconds between two turns, and between two signs of life.
POLL_S: Final = 5.0
_BEAT_S: Final = 15.0
#: Seconds that kernels have to end, once they are told.
_ENDING_S: Final = 15.0
_LOOK_S: Final = 0.2


class Scheduler:
    """Decides what is due, turn by turn.

    A slot is claimed by the insert of its row, so of two schedulers one gets it. The claim names
    the run before it is begun; whoever finds a claim whose holder is dead either finds the run, or
    begins it under the same name, and there is never a second run of one name. Who is dead is
    judged without comparing clocks (`tradingkb.jobs.Watches`).
    """

    def __init__(
        self,
        store: Store,
        path: Path,
        check: Check,
        run: RunOnce,
        lost: EndLost,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
        at_once: int = AT_ONCE,
        beaten: Callable[[], None] = lambda: None,
    ) -> None:
        """Wires it.

        Args:
            store: which keeps runs and decisions.
            path: of schedules.toml.
            check: whether a runbook takes the parameters of an entry.
            run: runs a runbook.
            lost: ends the row of a run whose runner died.
            clock: aware UTC time, by which things are due.
            new_id: makes ids of runs.
            monotonic: seconds that only grow; who lives is judged by them.
            at_once: most runs at once.
            beaten: called at each sign of life, once that is stored.
        """
        self._store, self._clock, self._new_id = store, clock, new_id
        self._monotonic, self._beaten, self._path = monotonic, beaten, path
        self._me = own_name(new_id())
        self._reader = Reader(path, check, monotonic)
        self._runs = Runs(store, run, lost, clock=clock, at_once=at_once)
        self._watches = Watches(monotonic)
        self._last: dict[str, datetime] = {}
        self._read = False
        self._beaten_at = -math.inf
        self._leaving = threading.Event()

    @property
    def file(self) -> ScheduleFile:
        """What was read last."""
        return self._reader.found

    @property
    def ended(self) -> list[RunbookRun | ScheduleTick]:
        """The runs that have ended last; of one that could not be begun what was decided."""
        return list(self._runs.ended)

    def turn(self) -> list[ScheduleTick]:
        """Reads the file, decides what is due now, takes up what others left; its decisions.

        Raises:
            BackendUnavailableError: the database does not answer; nothing is lost.
        """
        now = self._clock()
        self._read = not self._reader.read() and self._read
        if not self._read:
            self._last = published(self._store, self._reader.found, self._me, now)
            self._read = True
        # After a clock was put back, times come again; what has run is known by its row.
        self._last = {name: min(at, now) for name, at in self._last.items()}
        going = self._taken_up()
        found = due(self._reader.found.schedules, self._last, now)
        ticks = [tick for one in found if (tick := self._decided(one, going, now)) is not None]
        self._beat(now)
        return ticks

    def work(self) -> None:
        """Takes turns until `leave`; what fails is tried again at the next one."""
        emit("kb_scheduler_started", file=str(self._path))
        while not self._leaving.is_set():
            self._tried()
            self._leaving.wait(POLL_S)

    def leave(self) -> None:
        """Decides nothing more; it waits for nothing, and a handler of signals may call it."""
        self._leaving.set()

    def stop(self, grace_s: float, hurried: Callable[[], bool] = lambda: False) -> bool:
        """Leaves, waits for what runs, and ends the kernels of what does not end by itself.

        Args:
            grace_s: how long to wait before kernels are ended.
            hurried: asked meanwhile whether to end them at once.

        Returns:
            Whether nothing runs any more.
        """
        self.leave()
        self._runs.leave()
        until = time.monotonic() + grace_s
        while not (done := self._runs.wait(min(_LOOK_S, grace_s))):
            if time.monotonic() >= until or hurried():
                break
        if not done:
            self._runs.end()
            done = self._runs.wait(_ENDING_S)
        emit("kb_scheduler_stopped", file=str(self._path))
        return done

    def finish(self) -> None:
        """Waits for all that runs, however long."""
        self._runs.wait()

    def _tried(self) -> None:
        try:
            self.turn()
        except TradingKBError as error:
            # Without a turn there is no sign of life, and the alert tells of it.
            emit("kb_scheduler_failed", error=f"{type(error).__name__}: {error}")
        except Exception as error:
            _LOGGER.exception("a turn of the scheduler failed")
            emit("kb_scheduler_failed", error=f"{type(error).__name__}: {error}")

    def _decided(self, one: Due, going: set[str], now: datetime) -> ScheduleTick | None:
        """What was written of a slot; None where another scheduler was faster."""
        name = one.schedule.name
        tick = ScheduleTick(name, one.slot, now, "claimed", self._me, detail=one.detail)
        if one.decision != "run":
            tick = replace(tick, decision=one.decision)
        elif name in going:
            tick = replace(tick, decision="overlapped", detail="its last run still goes")
        else:
            tick = replace(tick, run_id=self._new_id())
        stored = self._store.claim_tick(tick)
        self._last[name] = one.slot
        if not stored:
            return None
        self._store.save_schedule_state(in_force(one.schedule, self._me, one.slot, now))
        tell(tick)
        if tick.decision == "claimed":
            going.add(name)
            self._runs.begin(one.schedule, tick)
        return tick

    def _taken_up(self) -> set[str]:
        """Takes up claims of the dead; schedules whose last run goes or is claimed, by anyone."""
        runs, claims = self._store.open_runbook_runs(), self._store.claimed_ticks()
        self._watches.keep(
            {f"run {r.run_id}" for r in runs} | {f"claim {c.run_id}" for c in claims}
        )
        lost = {run.run_id: run for run in runs if self._is_lost(run)}
        living = {run.schedule for run in runs if run.run_id not in lost}
        going = self._runs.names() | {name for name in living if name is not None}
        for run_id, run in lost.items():
            if not self._runs.has(run_id):
                self._runs.end_lost(run)
        claimed = set()
        for claim in claims:
            if self._store.runbook_run(str(claim.run_id)) is not None:
                started = replace(claim, at=self._clock(), decision="started")
                if self._store.change_tick(claim, started):
                    tell(started)
                continue
            claimed.add(claim.schedule)
            free = self._is_free(claim) and not self._runs.has(claim.run_id)
            if free and claim.schedule not in going:
                self._take(claim)
        return going | claimed

    def _is_lost(self, run: RunbookRun) -> bool:
        # Whoever asked for a run that is yet to begin may end: its row is about to be another's.
        holder = "" if run.state == "starting" else run.holder
        return self._watches.is_free(f"run {run.run_id}", holder, run.heartbeat_at)

    def _is_free(self, claim: ScheduleTick) -> bool:
        name = f"claim {claim.run_id}"
        return claim.holder == self._me or self._watches.is_free(name, claim.holder, claim.at)

    def _take(self, claim: ScheduleTick) -> None:
        """Begins the run of a dead scheduler's claim under the name that it has."""
        mine = replace(claim, holder=self._me, at=self._clock())
        schedule = self._schedule(claim.schedule)
        if schedule is None:
            mine = replace(
                mine, decision="failed_to_start", run_id=None, detail="it is in force no more"
            )
        if not self._store.change_tick(claim, mine):
            return
        tell(mine)
        if schedule is not None:
            self._runs.begin(schedule, mine)

    def _schedule(self, name: str) -> Schedule | None:
        return next((one for one in self._reader.found.schedules if one.name == name), None)

    def _beat(self, now: datetime) -> None:
        if self._monotonic() - self._beaten_at >= _BEAT_S:
            problems = "; ".join(map(str, self._reader.found.refused)) or None
            self._store.save_schedule_state(
                ScheduleState(SCHEDULER, now, self._me, problem=problems)
            )
            self._beaten_at = self._monotonic()
            self._beaten()
