"""The restart of processes of this machine: SIGTERM, start, wait, and the way back."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.masking import masked
from tradingkb.runbooks.procedures import processes
from tradingkb.runbooks.procedures.http import ask, why_not_ready
from tradingkb.runbooks.procedures.restart import (
    Restart,
    Timing,
    answer_differs,
    scheduler_beat,
    tokens_of,
)
from tradingkb.runbooks.procedures.temporary import tail

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

_SERVICE: Final = (sys.executable, "-m", "tradingkb", "serve", "--port")
_SCHEDULER: Final = (sys.executable, "-m", "tradingkb", "runbook", "schedule")
_LOOK_S: Final = 0.1
#: Seconds that a broken process that was started here has to end before it is killed.
_BROKEN_S: Final = 10.0


@dataclass(frozen=True)
class Unit:
    """One process that is restarted.

    Attributes:
        name: of the replica, or "scheduler".
        url: where it answers; None for the scheduler.
        running: the process as it is; None where none is.
        command: what is started in its place.
        back: what starts the version before; None where that is the same.
        folder: where it is started.
        environment: its variables; never shown.
        log: what it says goes there.
    """

    name: str
    url: str | None
    running: processes.Process | None
    command: tuple[str, ...]
    back: tuple[str, ...] | None
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    log: Path

    @property
    def what(self) -> str:
        """The step, in a sentence."""
        start = f"start {_shown(self.command)!r}"
        if self.running is None:
            return f"{self.name}: {start} and wait for it"
        ends = f"end process {self.running.pid} by SIGTERM"
        return f"{self.name}: {ends}, {start} in its place and wait for it"

    @property
    def undo(self) -> str:
        """The way back."""
        command = self.back or (self.running.command if self.running else self.command)
        return f"end it by SIGTERM, and start {_shown(command)!r}"


def plan(run: Run, restart: Restart) -> None:
    """Plans to restart each process when the one before it is back.

    Raises:
        InvalidInputError: a process of another machine, of another user or of another program.
    """
    for number, unit in enumerate(units(run, restart), 1):
        run.step(
            f"restart_{number}",
            unit.what,
            partial(_restarted, run, restart, unit),
            expect={"back": True},
            undo=unit.undo,
        )


def units(run: Run, restart: Restart) -> list[Unit]:
    """What is restarted, in order; raises as `plan`."""
    given = run.parameters
    pids = _pids(given["pids"])
    if given["part"] == "scheduler":
        pid = pids[0] if pids else _scheduler(run)
        return [_unit(run, "scheduler", None, pid, _SCHEDULER)]
    if pids and len(pids) != len(restart.replicas):
        raise InvalidInputError(
            f"there are {len(pids)} for {len(restart.replicas)} addresses",
            field="pids",
            remedy="give one for each of replica_urls, or none",
        )
    found = []
    for number, replica in enumerate(restart.replicas):
        port = processes.port_of(replica.url)
        if port is None:
            raise InvalidInputError(
                f"{replica.url} is on another machine",
                field="replica_urls",
                remedy="run this there, or use target=compose",
            )
        pid = pids[number] if pids else processes.listener(port)
        usual = (*_SERVICE, str(port))
        found.append(_unit(run, replica.name or replica.url, replica.url, pid, usual))
    return found


def _unit(run: Run, name: str, url: str | None, pid: int | None, usual: Sequence[str]) -> Unit:
    given = run.parameters
    running = None if pid is None else processes.process(pid)
    if running is not None and not any("tradingkb" in word for word in running.command):
        raise InvalidInputError(
            f"process {running.pid} is none of tradingkb: {_shown(running.command)[:80]!r}",
            field="pids" if given["pids"] else "replica_urls",
            remedy="look who listens there, and name the right one",
        )
    port = "" if url is None else str(processes.port_of(url))
    chosen = _words(given["start_command"], port)
    command = chosen or (running.command if running else usual)
    back = _words(given["rollback_command"], port)
    if back is None and chosen and running:
        back = running.command
    log = run.kb.settings.absolute_home / "logs" / f"{'serve-' + port if port else 'scheduler'}.log"
    return Unit(
        name,
        url,
        running,
        tuple(command),
        back,
        running.folder if running else Path.home(),
        running.environment if running else processes.own_environment(),
        log,
    )


def _restarted(run: Run, restart: Restart, unit: Unit) -> dict[str, Any]:
    """Does it for one.

    Raises:
        BackendUnavailableError: it does not end, or is not back in time; then the version before
            was started where that is wanted and known.
    """
    given, began = run.parameters, time.monotonic()
    if unit.running is not None and not processes.end(unit.running.pid, given["end_s"]):
        raise BackendUnavailableError(
            f"process {unit.running.pid} did not end within {given['end_s']} s after SIGTERM; look "
            f"at its log, and end it with kill -9 {unit.running.pid} if it hangs"
        )
    ended = time.monotonic()
    try:
        child = _started(run, restart, unit, unit.command)
    except BackendUnavailableError as why:
        raise BackendUnavailableError(f"{why}; {_rolled_back(run, restart, unit)}") from None
    back = time.monotonic()
    restart.timings.append(Timing(unit.name, ended - began, back - ended))
    return {
        "back": True,
        "pid": str(child.pid),
        "log": str(unit.log),
        "ended_s": round(ended - began, 2),
        "ready_s": round(back - ended, 2),
    }


def _started(
    run: Run, restart: Restart, unit: Unit, command: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Starts a process, and waits until it is back; one that is not is ended."""
    before = datetime.now(UTC)
    child = processes.start(command, unit.folder, unit.environment, unit.log)
    try:
        _wait(run, unit, child, before)
        _answers(run, restart, unit)
    except BackendUnavailableError:
        if not processes.end(child.pid, _BROKEN_S):
            processes.kill(child.pid)
        raise
    return child


def _wait(run: Run, unit: Unit, child: subprocess.Popen[bytes], since: datetime) -> None:
    seconds = run.parameters["ready_s"]
    until = time.monotonic() + seconds
    why = why_not(run, unit.url, since)
    while told := why():
        # 0 is the end of a command that only tells a supervisor to start it.
        if (code := child.poll()) not in (None, 0):
            raise BackendUnavailableError(
                f"{unit.name} has ended with {code}: {masked(tail(unit.log))}"
            )
        if time.monotonic() > until:
            raise BackendUnavailableError(f"{unit.name} was not back in {seconds} s: {told}")
        time.sleep(_LOOK_S)


def why_not(run: Run, url: str | None, since: datetime) -> Callable[[], str]:
    """Tells why what was started is not back yet; "" once it is.

    Args:
        run: of the runbook.
        url: of a replica; None for the scheduler, which has to have looked around.
        since: since when.
    """
    tokens, ready = tokens_of(run), run.parameters["wait_for"] == "ready"

    def of_service() -> str:
        answer = ask(str(url), "/ready" if ready else "/health", tokens=tokens)
        return "" if answer.ok else why_not_ready(answer)

    def of_scheduler() -> str:
        beat = scheduler_beat(run)
        return "" if beat is not None and beat > since else "it has not looked around"

    return of_scheduler if url is None else of_service


def _answers(run: Run, restart: Restart, unit: Unit) -> None:
    if unit.url is None or restart.before is None:
        return
    after = restart.question.asked_of(unit.url, tokens_of(run))
    if differs := answer_differs(run, restart, after):
        raise BackendUnavailableError(f"{unit.name} does not answer as before: {differs[0]}")


def _rolled_back(run: Run, restart: Restart, unit: Unit) -> str:
    """Starts the version before, where that is known and wanted; what came of it."""
    if unit.back is None:
        return "there is no other version to go back to: correct what is wrong, then start it"
    if not run.parameters["roll_back"]:
        return f"not rolled back: start {_shown(unit.back)!r}"
    began = time.monotonic()
    try:
        child = _started(run, restart, unit, unit.back)
    except BackendUnavailableError as error:
        return f"rolled back, and that is not ready either: {error}"
    restart.timings.append(Timing(unit.name, 0.0, time.monotonic() - began, rolled_back=True))
    return f"rolled back: the version before is back as process {child.pid}"


def _scheduler(run: Run) -> int | None:
    """The scheduler that looked around last, if it is a process of this machine that lives."""
    states = run.kb.use_cases.store.schedule_states()
    holder = next((one.holder for one in states if not one.name), "")
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    is_here = host == socket.gethostname() and pid.isdigit()
    return int(pid) if is_here and processes.is_alive(int(pid)) else None


def _pids(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InvalidInputError("are numbers with commas", field="pids") from None


def _words(command: str, port: str) -> tuple[str, ...] | None:
    """The words of a command, with its port; None for no command."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInputError(f"{command!r} is no command: {error}") from None
    return tuple(word.replace("{port}", port) for word in words) or None


def _shown(command: Sequence[str]) -> str:
    return masked(shlex.join(command))
