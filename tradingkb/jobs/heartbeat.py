"""Says now and then that a holder lives, from a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

_LOGGER: Final = logging.getLogger("tradingkb")


class Heartbeat:
    """Beats every few seconds between `start` and `stop`, until a beat says that all is lost."""

    def __init__(self, beat: Callable[[], bool], every_s: float, name: str) -> None:
        """Takes what it does.

        Args:
            beat: says that the holder lives; whether it still holds what it held.
            every_s: seconds between two beats.
            name: of the thread.
        """
        self._beat, self._every_s = beat, every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beating, name=name, daemon=True)
        self.lost = False

    def start(self) -> None:
        """Begins; the first beat comes after `every_s`."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and waits for a beat that is under way."""
        self._done.set()
        self._thread.join()

    def _beating(self) -> None:
        while not self.lost and not self._done.wait(self._every_s):
            try:
                self.lost = not self._beat()
            except BaseException:  # a panic of a library is no Exception; the next beat tries again
                _LOGGER.debug("the %s missed a beat", self._thread.name, exc_info=True)
