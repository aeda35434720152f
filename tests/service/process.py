"""`tradingkb serve` as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.forked import CONTEXT
from tests.service.conftest import ADMIN

#: What another machine's settings may not change.
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("TRADINGKB_", "EMBED", "QDRANT", "DATABASE", "LOG_", "RATE_"))
}


def _command(
    arguments: Sequence[str], folder: Path, env: Mapping[str, str], out: Path, err: Path
) -> None:
    """What a shell and `python -m tradingkb` do."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for path, number in ((out, 1), (err, 2)):
        with path.open("a") as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["tradingkb", *arguments]
    from tradingkb.cli import main

    main()


class Command:
    """A command line in a process of its own, and what it says."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.out, self.err = folder / f"out-{id(self)}", folder / f"err-{id(self)}"
        self.process = CONTEXT.Process(
            target=_command,
            args=(arguments, folder, {**CLEAN, **variables}, self.out, self.err),
            daemon=True,
        )
        self.process.start()

    @property
    def running(self) -> bool:
        return self.process.exitcode is None

    def send(self, sig: int) -> None:
        os.kill(self.process.pid or 0, sig)

    def wait(self, seconds: float = 60) -> int:
        """The code that it ends with; of a signal, negative."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "the process does not end"
        return self.process.exitcode

    def log(self) -> str:
        return "".join(path.read_text() for path in (self.out, self.err) if path.exists())


class Server(Command):
    """A service, and where it listens."""

    def __init__(
        self, folder: Path, home: Path, *, answers: bool = True, port: int = 0, **variables: str
    ) -> None:
        self.port = port or free_port()
        given = {
            "TRADINGKB_HOME": str(home),
            "ADMIN_TOKEN": ADMIN["X-Admin-Token"],
            "RATE_LIMIT_PER_MINUTE": "0",
            "RATE_LIMIT_CONCURRENT": "0",
            **variables,
        }
        super().__init__(folder, "serve", "--port", str(self.port), **given)
        self.wait_for("/health", 200)
        if answers:
            self.wait_for("/ready", 200)

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **ADMIN})
            answer = connection.getresponse()
            found = answer.read()
        is_json = answer.headers.get_content_subtype().endswith("json")
        return answer.status, json.loads(found) if is_json else found.decode()

    def wait_for(self, path: str, status: int) -> Any:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.running, self.log()
            try:
                answer = self.ask("GET", path)
            except (OSError, http.client.HTTPException):
                answer = (0, None)
            if answer[0] == status:
                return answer[1]
            time.sleep(0.05)
        raise AssertionError(f"{path} is not {status}: {answer}, {self.log()[-2000:]}")

    def end(self, sig: int = signal.SIGTERM) -> int:
        self.send(sig)
        return self.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
