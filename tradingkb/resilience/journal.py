"""The journal: a replica writes into the store how its breakers are, for others to see.

It never harms a request: it has a thread of its own, and what cannot be written is left for the
next heartbeat.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from tradingkb.ports import BreakerStore
from tradingkb.resilience.breakers import Breakers, BreakerState

HEARTBEAT_S: Final = 15.0
#: Without a heartbeat for so long a replica is gone.
ALIVE_S: Final = 3 * HEARTBEAT_S
#: After so long its rows are deleted by whoever writes next.
FORGET_S: Final = 3600.0


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
        self.missed = 0

    def start(self) -> None:
        """Begins; the first rows are written at once."""
        if self._thread is not None:
            return
        self._ending.clear()
        self._changed.set()
        self._unsubscribe = self._breakers.subscribe(lambda _: self._changed.set())
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

    def _save(self, rows: list[dict[str, Any]]) -> None:
        try:
            self._store.save_breakers(self._replica, rows, self._clock(), FORGET_S)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # whatever it is, a panic too: nobody waits for it
            self.missed += 1


def _row(state: BreakerState) -> dict[str, Any]:
    return {
        "service": state.service,
        "state": state.state,
        "failures": state.failures,
        "open_since": state.open_since,
        "last_error": state.last_error,
    }
