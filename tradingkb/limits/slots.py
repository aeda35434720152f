"""Requests at once: a counting semaphore per name that never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable


class MemorySlots:
    """The slots of one process; a name of which none is taken leaves nothing behind."""

    def __init__(self, most: int) -> None:
        """Starts with all slots free.

        Args:
            most: slots per name, at least 1.
        """
        self._most = most
        self._lock = threading.Lock()
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> Callable[[], None] | None:
        """Takes a slot of the name; None where all are taken."""
        with self._lock:
            taken = self._taken.get(name, 0)
            if taken >= self._most:
                return None
            self._taken[name] = taken + 1
        held = [name]

        def give_back() -> None:
            with self._lock:
                if not held:
                    return
                held.clear()
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]

        return give_back

    @property
    def names(self) -> int:
        """Names of which slots are taken."""
        return len(self._taken)
