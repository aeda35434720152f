"""Processes of the benchmark as forks of one that has imported everything: a start is for free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from tests.forked import CONTEXT
from tradingkb.bench import children


def _work(arguments: Sequence[str], given: Connection, told: Connection) -> None:
    """What `python -m tradingkb.bench.children` does."""
    os.dup2(given.fileno(), 0)
    os.dup2(told.fileno(), 1)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    children.main(list(arguments))


class Fork:
    """As much of `subprocess.Popen` as the benchmark uses."""

    def __init__(self, command: Sequence[str], **_: Any) -> None:
        _, _, program, *arguments = command
        assert program == children.__name__
        given, say = CONTEXT.Pipe(duplex=False)
        hear, told = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(target=_work, args=(arguments, given, told), daemon=True)
        self._process.start()
        self.stdin = os.fdopen(os.dup(say.fileno()), "w")
        self.stdout = os.fdopen(os.dup(hear.fileno()))
        for end in (given, say, hear, told):
            end.close()

    def wait(self, timeout: float | None = None) -> int:
        """The code that it ends with.

        Raises:
            subprocess.TimeoutExpired: it has not ended after so many seconds.
        """
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(children.__name__, timeout or 0.0)
        return code

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
