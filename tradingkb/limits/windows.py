"""Requests in a moving window: every one of the last minute counts, wherever the minute began.

The memory storage of the library `limits` (5.8) is not used here: eight threads at once make its
timer raise RuntimeError, it keeps an entry of every name for ever, and its clock cannot be set.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Length of the window, in seconds.
WINDOW_S: Final = 60


@dataclass(frozen=True)
class Take:
    """What became of one request.

    Attributes:
        ok: whether it is within the limit, and counted; one that is refused does not count.
        remaining: how many more are, at this moment.
        more_in_s: seconds until the oldest counted request leaves the window.
    """

    ok: bool
    remaining: int
    more_in_s: float


class MemoryWindows:
    """The windows of one process.

    A window is half-open: a request leaves it `WINDOW_S` after it came. A name that nobody has used
    for that long is forgotten at the next request, whoever makes it.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Starts with empty windows.

        Args:
            most: requests in a window, at least 1.
            clock: seconds that never go back.
        """
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        # Times of a name's requests, oldest first; the name that was used last is at the end.
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str) -> Take:
        """Counts a request of the name, or refuses it."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            times = self._taken.get(name, deque())
            while times and _is_over(times[0], now):
                times.popleft()
            ok = len(times) < self._most
            if ok:
                times.append(now)
                self._taken[name] = times
                self._taken.move_to_end(name)
            return Take(ok, self._most - len(times), times[0] + WINDOW_S - now)

    def _forget(self, now: float) -> None:
        while self._taken:
            name, times = next(iter(self._taken.items()))
            if not _is_over(times[-1], now):
                return
            del self._taken[name]

    @property
    def names(self) -> int:
        """Names that are remembered."""
        return len(self._taken)


def _is_over(time: float, now: float) -> bool:
    return time + WINDOW_S <= now
