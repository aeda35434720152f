"""A workspace's share: so many requests in any minute and so many at once, taken in one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tradingkb.limits.slots import MemorySlots
from tradingkb.limits.windows import MemoryWindows, Take


def _nothing() -> None:
    """Gives nothing back, where nothing was taken."""


@dataclass(frozen=True)
class Counted:
    """What became of one request; one that is refused counts for nothing.

    Attributes:
        refused: what stood against it: the limit "per_minute", that "at_once", or "unknown" where
            what counts does not answer; None where it is counted.
        minute: what its minute says; None where that is not limited, or was not looked at.
        wait_s: seconds until "unknown" may be known.
        release: to be called when the request has ended; more than once does no harm.
    """

    refused: Literal["per_minute", "at_once", "unknown"] | None
    minute: Take | None = None
    wait_s: float = 0.0
    release: Callable[[], None] = field(default=_nothing, compare=False)


class Share(Protocol):
    """The share of each name, common to whoever shares the storage."""

    def take(self, name: str) -> Counted:
        """Counts a request in its minute and among those at once, or in neither."""


class MemoryShare:
    """The shares of one process."""

    def __init__(self, per_minute: int, concurrent: int, clock: Callable[[], float]) -> None:
        """Starts with nothing taken.

        Args:
            per_minute: requests in any 60 seconds; 0 for no limit.
            concurrent: requests at once; 0 for no limit.
            clock: seconds that never go back.
        """
        self._windows = MemoryWindows(per_minute, clock) if per_minute else None
        self._slots = MemorySlots(concurrent) if concurrent else None

    def take(self, name: str) -> Counted:
        """Counts a request of the name, or refuses it."""
        release = _nothing if self._slots is None else self._slots.take(name)
        if release is None:
            return Counted("at_once")
        if self._windows is None:
            return Counted(None, release=release)
        minute = self._windows.take(name)
        if minute.ok:
            return Counted(None, minute, release=release)
        release()
        return Counted("per_minute", minute)
