"""Other processes of the benchmark, seen from the one that starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final, Self

_PROGRAM: Final = "tradingkb.bench.children"
_SECONDS_TO_END: Final = 60


class Process:
    """One of the processes, with its lines of input and output."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", _PROGRAM, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, line: object) -> None:
        """Gives it one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Waits for its next line, which is JSON.

        Raises:
            RuntimeError: it ended without one; what it said is on stderr.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of the benchmark ended with {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Closes its input and waits; one that does not end is killed."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
