"""Recording answers: telemetry never delays or fails one.

An event that cannot be written at once (another process is writing, the disk is full) is queued
within bounds and written with the next one; when the queue is full the oldest is dropped and
counted. What is queued is written in batches, each in one transaction. That another process
is writing passes by itself; of anything else somebody is told, once until it has passed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from tradingkb.domain import IndexTarget, Question
from tradingkb.exceptions import BackendUnavailableError, DiskFullError, TradingKBError
from tradingkb.observability import emit
from tradingkb.ports import EventStore
from tradingkb.progress import silent
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.asking.event import event_row, log_answer

QUEUE_LIMIT: Final = 1000
#: Most events of one transaction: it holds up other writers for about ten milliseconds.
BATCH: Final = 200
#: What passes, by itself or when an operator makes room: events wait for it.
_PASSES: Final = (BackendUnavailableError, DiskFullError)


class EventLog:
    """Writes `recommend_events` rows and the log events of an answer."""

    def __init__(
        self, store: EventStore, replica: str, *, tell: Callable[[str], None] = silent
    ) -> None:
        """Wires it.

        Args:
            store: where events are kept.
            replica: name of this process.
            tell: told when events cannot be kept, where a person looks on.
        """
        self.store = store
        self.replica = replica
        self.dropped = 0
        self._queue: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._tell = tell
        self._told: type[Exception] | None = None

    def record(self, answer: Recommendation, target: IndexTarget, question: Question) -> None:
        """Logs and stores one answer; never raises for want of a database."""
        self.save([self.logged(answer, target, question)])

    def logged(
        self, answer: Recommendation, target: IndexTarget, question: Question
    ) -> dict[str, Any]:
        """Logs one answer, and gives the event to `save`."""
        event = event_row(answer, target, question, self.replica)
        log_answer(event, answer)
        return event

    def save(self, events: Sequence[dict[str, Any]]) -> None:
        """Stores events in few transactions; never raises for want of a database."""
        for start in range(0, len(events), BATCH):
            with self._lock:
                for event in events[start : start + BATCH]:
                    self._append(event)
            self.flush()

    def _append(self, event: dict[str, Any]) -> None:
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(event)

    def flush(self) -> int:
        """Writes what is queued, oldest first; returns how many events are still waiting.

        An event that the store refuses for good is dropped and counted: it must not hold up the
        ones behind it, and never an answer.
        """
        with self._lock:
            while self._queue:
                batch = list(islice(self._queue, BATCH))
                if not (self._write(batch) if len(batch) > 1 else self._write_each(batch)):
                    break
            return len(self._queue)

    def _write(self, batch: list[dict[str, Any]]) -> bool:
        """Writes the first ones of the queue together; False when the database is not free."""
        try:
            self.store.save_events(batch)
        except _PASSES as error:
            self._wait(error)
            return False
        except Exception:  # nothing of it was written: which one is refused shows one by one
            return self._write_each(batch)
        for _ in batch:
            self._queue.popleft()
        self._told = None
        return True

    def _write_each(self, batch: list[dict[str, Any]]) -> bool:
        """As `_write`, one by one, so that a refused event takes no other with it."""
        for event in batch:
            try:
                self.store.save_event(event)
            except _PASSES as error:
                self._wait(error)
                return False
            except Exception as error:  # whatever it is, an answer does not fail for it
                self.dropped += 1
                self._note("kb_event_dropped", error)
                self._say(error, "recommend events are not kept")
            else:
                self._told = None
            self._queue.popleft()
        return True

    def close(self) -> None:
        """Writes what can be written; what cannot is counted as dropped."""
        waiting = self.flush()
        if waiting:
            self.dropped += waiting
            self._queue.clear()
            emit("kb_event_dropped", waiting=waiting, dropped=self.dropped, error="closed")
            self._tell(f"{waiting:,} recommend events could not be written and are lost")

    def _wait(self, error: TradingKBError) -> None:
        self._note("kb_event_queued", error)
        if isinstance(error, DiskFullError):
            self._say(error, f"recommend events wait to be written, {QUEUE_LIMIT:,} at most")

    def _say(self, error: Exception, what: str) -> None:
        """Says it once, until something could be written again."""
        if self._told is not type(error):
            self._told = type(error)
            self._tell(f"{what}: {error}")

    def _note(self, event: str, error: Exception) -> None:
        emit(event, waiting=len(self._queue), dropped=self.dropped, error=str(error))
