"""A scheduler over a knowledge base, and its process: turns until it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.ports import RunbookRun
from tradingkb.runbooks.book import runbook
from tradingkb.runbooks.schedule.entries import Check, Schedule
from tradingkb.runbooks.schedule.running import EndLost, RunOnce
from tradingkb.runbooks.schedule.scheduler import Scheduler

if TYPE_CHECKING:
    from tradingkb.knowledge_base import KnowledgeBase

#: Who asks for what is due.
ACTOR: Final = "scheduler"
#: Those that are ignored stay so: `nohup` means that it outlives its terminal.
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOOK_S: Final = 0.2


def parameters_check(folder: Path | None) -> Check:
    """What checks the runbook of an entry; `folder` as RUNBOOKS_DIR."""

    def check(name: str, given: Mapping[str, Any]) -> str:
        found = runbook(name, folder)
        found.checked(given)
        return found.name

    return check


def scheduler_of(
    kb: KnowledgeBase, path: Path, run: RunOnce | None = None, *, beat_file: Path | None = None
) -> Scheduler:
    """The scheduler of a knowledge base.

    Args:
        kb: whose store keeps what is decided.
        path: of schedules.toml.
        run: runs a runbook; a kernel of its own for each unless given.
        beat_file: touched at each sign of life.
    """
    uses = kb.use_cases
    return Scheduler(
        uses.store,
        path,
        parameters_check(kb.settings.runbooks_dir),
        run or _runner(kb),
        _ender(kb),
        clock=uses.indexer.clock,
        new_id=uses.indexer.new_id,
        beaten=lambda: _touch(beat_file),
    )


def run_scheduler(scheduler: Scheduler, *, once: bool, grace_s: float) -> bool:
    """Takes turns until a signal to end, also of its terminal; a second one ends what runs at once.

    Args:
        scheduler: that works.
        once: one turn, and the end of what that has begun, instead.
        grace_s: seconds that what runs has to end, before its kernels are ended.

    Returns:
        Whether nothing runs any more.

    Raises:
        BackendUnavailableError: with `once`, the database does not answer.
    """
    asked: list[int] = []
    # A handler runs between two steps of the main thread, and must take no lock that it may hold.
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, lambda n, _: asked.append(n))) for number in heard]
    errors: list[Exception] = []

    def work() -> None:
        try:
            if once:
                scheduler.turn()
                scheduler.finish()
            else:
                scheduler.work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="scheduler", daemon=True)
    try:
        thread.start()
        while thread.is_alive() and not asked:
            time.sleep(_LOOK_S)
        done = scheduler.stop(grace_s, hurried=lambda: len(asked) > 1)
        if errors:
            raise errors[0]
        return done
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _touch(path: Path | None) -> None:
    with contextlib.suppress(OSError):  # whoever watches it sees that it grows old
        if path is not None:
            path.touch()


def _ender(kb: KnowledgeBase) -> EndLost:
    def end(run: RunbookRun) -> bool:
        from tradingkb.runbooks.running import end_lost

        return end_lost(kb.settings, kb.use_cases.store, run, kb.use_cases.indexer.clock())

    return end


def _runner(kb: KnowledgeBase) -> RunOnce:
    def run(
        schedule: Schedule, slot: datetime, run_id: str, stopping: threading.Event
    ) -> RunbookRun:
        from tradingkb.runbooks.running import run_runbook

        return run_runbook(
            kb.settings,
            schedule.runbook,
            schedule.given,
            actor=ACTOR,
            schedule=schedule.name,
            slot=slot,
            deadline_s=schedule.deadline_s,
            run_id=run_id,
            stop=stopping,
        )

    return run
