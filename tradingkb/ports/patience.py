"""How long a backend is waited for, and how often it is asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

_UNTIL: Final[ContextVar[float]] = ContextVar("_UNTIL", default=math.inf)


@contextmanager
def patience(seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """What is asked of backends inside ends after so many seconds in all, or earlier.

    An adapter that can wait long asks `seconds_left` before each time it waits: a limit per read
    alone is none, where a server sends one byte at a time.
    """
    before = _UNTIL.set(min(_UNTIL.get(), clock() + seconds))
    try:
        yield
    finally:
        _UNTIL.reset(before)


def seconds_left(most: float = math.inf, clock: Callable[[], float] = time.monotonic) -> float:
    """How long a backend may still be waited for, at least 0 and at most `most`."""
    return max(0.0, min(most, _UNTIL.get() - clock()))


class Again(Protocol):
    """Calls a function that only reads, and may call it again where the database was lost."""

    def __call__(self, read: Callable[[], T], /) -> T:
        """What the function returns; raises as it does."""


def once(read: Callable[[], T], /) -> T:
    """Calls it once."""
    return read()
