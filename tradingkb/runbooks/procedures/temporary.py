"""Services and a Redis for a few seconds, of their own home: they end with whoever started them.

Each is the child of a small watcher that ends it when its input closes, as it does when the
starting process is killed: nothing is left behind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.runbooks.procedures.http import ask
from tradingkb.settings import Settings

#: Seconds in which a service has to be ready; importing it takes a few on a busy machine.
START_S: Final = 90.0
_WATCHER: Final = Path(__file__).with_name("watcher.py")


def has_redis() -> bool:
    """Whether there is a `redis-server` to start."""
    return shutil.which("redis-server") is not None


@contextmanager
def temporary_redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing, at a socket in a folder whose path is short; gives its URL.

    Raises:
        BackendUnavailableError: it does not start.
    """
    path = folder / "redis.sock"
    options = ("--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "warning")
    command = ["redis-server", *options, "--unixsocket", str(path), "--dir", str(folder)]
    with _watched(command, folder, os.environ, folder / "redis.log") as process:
        wait_until(path.exists, START_S, process, "redis-server", folder / "redis.log")
        yield f"unix://{path}"


@contextmanager
def temporary_replicas(n: int, folder: Path, variables: Mapping[str, str]) -> Iterator[list[str]]:
    """Services that are ready, started side by side; gives their addresses.

    Args:
        n: how many.
        folder: for their logs, and where they run.
        variables: their settings; of the environment's none reaches them.

    Raises:
        BackendUnavailableError: one does not start, with the end of its log.
    """
    env = {**clean_environment(), **variables}
    command = [sys.executable, "-m", "tradingkb", "serve", "--port", "0"]
    with ExitStack() as stack:
        started = []
        for number in range(1, n + 1):
            log = folder / f"replica-{number}.log"
            process = stack.enter_context(
                _watched(command, folder, {**env, "TRADINGKB_REPLICA": f"replica-{number}"}, log)
            )
            started.append((process, log))
        yield [_ready(process, log) for process, log in started]


def clean_environment() -> dict[str, str]:
    """The environment without any setting of ours, and with this package in Python's path."""
    ours = {str(one.alias).upper() for one in Settings.model_fields.values()}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in ours and not name.upper().startswith("TRADINGKB_")
    }
    here = str(Path(__file__).resolve().parents[3])
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (here, kept.get("PYTHONPATH"))))}


def wait_until(
    true: Callable[[], bool],
    seconds: float,
    process: subprocess.Popen[bytes],
    name: str,
    log: Path,
) -> None:
    """Waits until something holds of a process.

    Raises:
        BackendUnavailableError: it has ended, or it took too long.
    """
    until = time.monotonic() + seconds
    while not true():
        if process.poll() is not None or time.monotonic() > until:
            why = "has ended" if process.poll() is not None else f"took over {seconds:.0f} s"
            raise BackendUnavailableError(f"{name} {why}: {tail(log)}")
        time.sleep(0.05)


def tail(log: Path, length: int = 500) -> str:
    """The end of a log, in one line."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return " ".join(text.split())[-length:] or "its log is empty"


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    wait_until(lambda: _address(log) is not None, START_S, process, "the service", log)
    url = _address(log) or ""
    wait_until(lambda: ask(url, "/ready").ok, START_S, process, "the service", log)
    return url


def _address(log: Path) -> str | None:
    found = re.search(r"event=service_listens port=(\d+)", log.read_text(encoding="utf-8"))
    return None if found is None else f"http://127.0.0.1:{found[1]}"


@contextmanager
def _watched(
    command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WATCHER), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(env),
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
