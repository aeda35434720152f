"""The journal: a replica writes into the store how its breakers are and what they did.

It never harms a request: it has a thread of its own, and what cannot be written is left for the
next heartbeat. What happened meanwhile is kept, each change with its own time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tradingkb.ports import BreakerStore
from tradingkb.resilience.breakers import Breakers, BreakerState

HEARTBEAT_S: Final = 15.0
#: Without a heartbeat for so long a replica is gone.
ALIVE_S: Final = 3 * HEARTBEAT_S
#: After so long its rows are deleted by whoever writes next.
FORGET_S: Final = 3600.0
#: Changes that wait to be written; of more, while the database is down, the oldest are dropped.
WAITING_LIMIT: Final = 1000


@dataclass(frozen=True)
class Told:
    """What a journal has to tell.

    Attributes:
        rows: changes of state, and retries, in the order of their times.
        retries: by service, how many have been told of with them.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    retries: Mapping[str, int] = field(default_factory=dict)


def told(
    changes: Iterable[tuple[datetime, BreakerState]],
    states: Iterable[BreakerState],
    retries: Mapping[str, int],
    now: datetime,
) -> Told:
    """What is to be told of changes since the last time, and of retries since then; pure.

    Args:
        changes: breakers as they were after each change, and when.
        states: breakers as they are now.
        retries: by service, those that have been told of.
        now: the time of retries without a change.
    """
    known, rows = dict(retries), []
    for at, state, changed in (
        *((at, state, True) for at, state in changes),
        *((now, state, False) for state in states),
    ):
        more = state.retries - known.get(state.service, 0)
        # One thread may tell of its change after another one has told of a later change.
        if changed or more > 0:
            rows.append(_change(at, state, changed=changed, retries=max(more, 0)))
        known[state.service] = max(state.retries, known.get(state.service, 0))
    return Told(rows, known)


class BreakerJournal:
    """Writes the states of one replica's breakers: now and then, and when one changes."""

    def __init__(
        self,
        store: BreakerStore,
        breakers: Breakers,
        replica: str,
        *,
        clock: Callable[[], datetime],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """Takes what it writes, and where.

        Args:
            store: keeps the rows.
            breakers: of this process.
            replica: the name of this process; two of one name overwrite each other.
            clock: aware UTC time.
            heartbeat_s: seconds between two heartbeats.
        """
        self._store = store
        self._breakers = breakers
        self._replica = replica
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._changed = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._waiting: deque[tuple[datetime, BreakerState]] = deque(maxlen=WAITING_LIMIT)
        self._retries: Mapping[str, int] = {}
        self.missed = 0

    def start(self) -> None:
        """Begins; the first rows are written at once."""
        if self._thread is not None:
            return
        self._ending.clear()
        self._changed.set()
        self._unsubscribe = self._breakers.subscribe(self._note)
        self._thread = threading.Thread(target=self._run, name="breaker journal", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends, and takes this replica's rows away; waits no longer than `timeout_s`."""
        if self._thread is None:
            return
        self._unsubscribe()
        self._ending.set()
        self._changed.set()
        self._thread.join(timeout_s)
        self._thread = None

    def write(self) -> None:
        """Writes how the breakers in use are now; what goes wrong is counted in `missed`."""
        self._save([_row(s) for s in self._breakers.states().values() if s.in_use])

    def _run(self) -> None:
        while not self._ending.is_set():
            if self._changed.wait(self._heartbeat_s):
                self._changed.clear()
            if not self._ending.is_set():
                self.write()
        self._save([])

    def _note(self, state: BreakerState) -> None:
        """In the thread that has changed it: a heartbeat later it may be another state."""
        self._waiting.append((self._clock(), state))
        self._changed.set()

    def _save(self, rows: list[dict[str, Any]]) -> None:
        changes = list(self._waiting)
        states = (s for s in self._breakers.states().values() if s.in_use)
        now = self._clock()
        found = told(changes, states, self._retries, now)
        try:
            self._store.save_breakers(self._replica, rows, now, FORGET_S, found.rows)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # whatever it is, a panic too: nobody waits for it
            self.missed += 1
            return
        self._retries = found.retries
        self._forget(changes)

    def _forget(self, written: list[tuple[datetime, BreakerState]]) -> None:
        """Forgets what is written; while it was, others may have come, and pushed it out."""
        for one in written:
            if self._waiting and self._waiting[0] is one:
                self._waiting.popleft()


def _change(at: datetime, state: BreakerState, *, changed: bool, retries: int) -> dict[str, Any]:
    return {
        "at": at,
        "service": state.service,
        "state": state.state,
        "changed": changed,
        "failures": state.failures,
        "retries": retries,
        "error": state.last_error,
    }


def _row(state: BreakerState) -> dict[str, Any]:
    return {
        "service": state.service,
        "state": state.state,
        "failures": state.failures,
        "open_since": state.open_since,
        "last_error": state.last_error,
    }
