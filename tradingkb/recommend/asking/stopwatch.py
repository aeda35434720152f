"""How long each step of an answer takes."""

from __future__ import annotations

import time


class Stopwatch:
    """Milliseconds per step."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends the step of that name."""
        now = time.perf_counter()
        self._laps[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def total(self) -> dict[str, float]:
        """Every step, what came after the last one as `choose_ms`, and `total_ms`."""
        self.lap("choose_ms")
        return {**self._laps, "total_ms": round((self._last - self._start) * 1000, 3)}
