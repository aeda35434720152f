"""Processes that do one operation on a home, and can be killed while they do it.

They are forked, so that more than a hundred kills fit into a run of the tests.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import tradingkb as tkb
from tests.forked import CONTEXT
from tests.survival.faults import Fault
from tradingkb.indexing import apply, indexer
from tradingkb.ingest import storing
from tradingkb.sql import copying

Faults = Sequence[Fault]
#: Trials per transaction: small, so that an ingest of sixty is made of two, one of them not full.
BATCH = 40
#: Rows that are copied into PostgreSQL rather than inserted: of most of these batches.
FEW = 8
#: Nothing here takes a tenth of it; a process that does hangs.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        killed: by SIGKILL.
        result: what the operation returned.
        error: the name of the exception's class, its message and its traceback.
    """

    killed: bool
    result: Any = None
    error: tuple[str, str, str] | None = None

    def succeeded(self) -> Any:
        """The result of an operation that must not fail."""
        assert self.error is None, self.error[2]
        assert not self.killed
        return self.result


class Victim:
    """One process that opens a home and does `operation(kb, *arguments)` in small batches."""

    def __init__(
        self,
        home: Path,
        operation: Callable[..., Any],
        *arguments: Any,
        faults: Faults = (),
        **given: Any,
    ) -> None:
        self._connection, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(
            target=_work,
            args=(theirs, home, operation, arguments, tuple(faults), given),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._expect("begun")

    def outcome(self) -> Outcome:
        """Waits for its end."""
        try:
            kind, content = self._message()
        except EOFError:
            kind, content = "gone", None
        self._process.join(PATIENCE_S)
        code = self._process.exitcode
        self._connection.close()
        if kind == "failed":
            return Outcome(False, error=content)
        if kind == "done":
            return Outcome(False, result=content)
        assert code == -signal.SIGKILL, f"the process ended with {code}"
        return Outcome(True)

    def killed_after(self, delay_s: float) -> Outcome:
        """SIGKILL so many seconds after it has begun, unless it has ended before."""
        if not self._connection.poll(delay_s):
            self._process.kill()
        return self.outcome()

    def paused(self) -> None:
        """Waits until it stands still."""
        self._expect("paused")

    def go_on(self) -> None:
        """Lets a paused process go on."""
        self._connection.send(None)

    def _expect(self, kind: str) -> None:
        found, content = self._message()
        assert found == kind, content

    def _message(self) -> tuple[str, Any]:
        if not self._connection.poll(PATIENCE_S):
            self._process.kill()
            raise AssertionError(f"the process has said nothing for {PATIENCE_S:.0f} seconds")
        message: tuple[str, Any] = self._connection.recv()
        return message


def _work(
    connection: Connection,
    home: Path,
    operation: Callable[..., Any],
    arguments: Sequence[Any],
    faults: Faults,
    given: dict[str, Any],
) -> None:
    copying.COPIED_ROWS = FEW
    storing.WRITE_BATCH = apply.BATCH = indexer.BATCH = BATCH
    for fault in faults:
        fault.arm(connection)
    connection.send(("begun", None))
    try:
        with tkb.connect(home, progress=False, **given) as kb:
            message: tuple[str, Any] = ("done", operation(kb, *arguments))
    except Exception as error:
        message = ("failed", (type(error).__name__, str(error), traceback.format_exc()))
    connection.send(message)


def duration_s(home: Path, operation: Callable[..., Any], *arguments: Any, **given: Any) -> float:
    """How long it takes in such a process, whose start does not count."""
    victim = Victim(home, operation, *arguments, **given)
    began = time.monotonic()
    victim.outcome().succeeded()
    return time.monotonic() - began
