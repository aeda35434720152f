"""Running a runbook: checked, executed, recorded, reported; whatever happens ends in a row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import tradingkb
from tradingkb.ports import RunbookRun
from tradingkb.runbooks.running.asking import Asked, checked, new_run, told_unstarted
from tradingkb.settings import Settings

if TYPE_CHECKING:
    from tradingkb.runbooks.running.places import CellAt

#: Seconds that a cell has to end after it was interrupted.
GRACE_S: Final = 5.0


def _tell_nobody(_: CellAt) -> None:
    """Nobody looks on."""


def run_runbook(
    settings: Settings,
    name: str,
    parameters: Mapping[str, Any],
    *,
    actor: str,
    schedule: str | None = None,
    slot: datetime | None = None,
    deadline_s: float | None = None,
    told: Callable[[CellAt], None] = _tell_nobody,
    run_id: str | None = None,
    stop: threading.Event | None = None,
    grace_s: float = GRACE_S,
    clock: Callable[[], datetime] = partial(datetime.now, UTC),  # noqa: B008 - reads no clock yet
    monotonic: Callable[[], float] = time.monotonic,
) -> RunbookRun:
    """Runs a runbook to its end, in a kernel of its own; any number at once, in threads.

    Args:
        settings: those in force; the kernel opens what they name.
        name: of the runbook, or the beginning of it.
        parameters: by name; texts are read as their types.
        actor: who asks.
        schedule: name of the schedule that is due.
        slot: the time that this was due.
        deadline_s: seconds after which it is ended; the runbook's own unless given.
        told: told of each cell before and after it.
        run_id: of the row that was stored when it was asked for; a new one unless given.
        stop: set to end the run as if it was interrupted.
        grace_s: seconds between an interrupt and the end.
        clock: what "now" is, an aware UTC time.
        monotonic: seconds that only grow.

    Returns:
        The run, ended: a failed one too.

    Raises:
        InvalidInputError: an unknown runbook, parameter or workspace, a missing or wrong value;
            nothing was started.
        ConfigurationError: the notebook is no runbook, or the extra `runbooks` is not installed;
            nothing was started.
        BackendUnavailableError: the store does not answer; nothing was started.
        KeyboardInterrupt: after the run has been ended, and recorded as failed.
    """
    from tradingkb.wiring import connect

    asked = Asked(name, dict(parameters), actor, schedule, slot, run_id, deadline_s)
    with told_unstarted(settings, asked):
        what = checked(settings, asked)
        kb = connect(settings=settings, progress=False, clock=clock)
    with kb:
        # papermill is imported here: it takes a second, and a mistake is told sooner.
        from tradingkb.runbooks.running.making import Making
        from tradingkb.runbooks.running.record import Record

        with told_unstarted(settings, asked):
            kb.use_cases.workspaces.find(str(what.values["workspace"]))
            run = new_run(tradingkb.__version__, asked, what, clock())
            record = Record(kb.use_cases.store, run, clock=clock, told=told)
            record.begin(known=run_id is not None)
        return Making(settings, what, record, clock).ended(stop, grace_s, monotonic)
