"""A real Redis, started as a process of its own, to be stopped, frozen and killed.

with RedisProcess(folder) as redis:
    client = connect_to(redis.url)
    redis.freeze()   # it answers nobody, and holds its connections
    redis.kill()     # it is gone, and has forgotten everything
    redis.start()    # another one, at the same place
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: Seconds in which it has to answer.
_PATIENCE_S = 20.0


class RedisProcess:
    """One server, at a Unix socket in a folder, that keeps nothing.

    Attributes:
        path: of the socket.
        url: of the server.
        patient_url: the same for who waits long for it: a busy machine must not fail a test.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """Not started yet.

        Args:
            folder: of its socket; its path has to be short.
            *options: of the command line, such as `--requirepass`, `secret`.
        """
        self.path = str(folder / "redis.sock")
        self.url = f"unix://{self.path}"
        self.patient_url = f"{self.url}?socket_timeout=20&socket_connect_timeout=20"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether there is a `redis-server` to start."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        quiet = ("--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "warning")
        self._process = subprocess.Popen(
            ["redis-server", *quiet, "--unixsocket", self.path, *self._options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("redis-server does not answer")
            time.sleep(0.005)

    def ask(self, *command: object) -> Any:
        """The answer to a command, by a connection of its own."""
        import redis

        with closing(redis.Redis.from_url(self.url, protocol=2)) as made:
            client: Any = made
            return client.execute_command(*command)

    def freeze(self) -> None:
        """Stops its work; its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, frozen or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        Path(self.path).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _signal(self, sig: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sig)

    def _answers(self) -> bool:
        import redis

        try:
            return bool(self.ask("PING"))
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
