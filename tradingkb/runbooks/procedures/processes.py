"""Processes of this machine that serve: which one listens, how it was started, its end and start.

One that is started here outlives who started it: it has a session and a log of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError

#: What a kernel and a run of a runbook leave in the environment of what they start.
_NOT_INHERITED: Final = ("JPY_", "PYDEVD_", "IPY", "MPLBACKEND", "TRADINGKB_RUN_ID")
#: What was started: Python warns of a process that is forgotten while it runs.
STARTED: Final[list[subprocess.Popen[bytes]]] = []
_LOCAL: Final = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


@dataclass(frozen=True)
class Process:
    """A process of this machine, and how to start another one like it.

    Attributes:
        pid: its number.
        command: its words.
        folder: where it runs.
        environment: its variables; never shown.
    """

    pid: int
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)


def port_of(url: str) -> int | None:
    """The port of an address of this machine; None for another machine's."""
    parts = urlsplit(url)
    if parts.hostname not in _LOCAL:
        return None
    return parts.port or (443 if parts.scheme == "https" else 80)


def listener(port: int) -> int | None:
    """The process of this user that listens on a port; None where there is none."""
    import psutil

    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if any(c.laddr.port == port for c in one.net_connections("tcp") if _listens(c)):
                return int(one.pid)
    return None


def process(pid: int) -> Process | None:
    """A process by its number; None where there is none.

    Raises:
        InvalidInputError: it is another user's.
    """
    import psutil

    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, tuple(found.cmdline()), Path(found.cwd()), found.environ())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        raise InvalidInputError(
            f"process {pid} is another user's", field="pids", remedy="run this as that user"
        ) from None


def end(pid: int, seconds: float) -> bool:
    """Asks a process to end, and waits; whether it has. One that is gone has."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(pid)
        found.terminate()
        with suppress(psutil.TimeoutExpired):
            found.wait(seconds)
        return not is_alive(pid)
    return True


def kill(pid: int) -> None:
    """Ends a process at once."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(pid)
        found.kill()
        found.wait(10)


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Starts a process that stays when this one ends.

    Args:
        command: its words.
        folder: where it runs.
        environment: its variables, but for those of a kernel.
        log: what it says is added to it.

    Raises:
        BackendUnavailableError: there is no such program, or no such folder.
    """
    kept = {k: v for k, v in environment.items() if not k.startswith(_NOT_INHERITED)}
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            child = subprocess.Popen(
                list(command),
                cwd=folder,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        what = f"{command[0]} cannot be started: {error.strerror or error}"
        raise BackendUnavailableError(what) from None
    STARTED.append(child)
    return child


def own_environment() -> dict[str, str]:
    """That of this process."""
    return dict(os.environ)


def _listens(connection: Any) -> bool:
    return bool(connection.status == "LISTEN" and connection.laddr)
