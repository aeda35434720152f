"""A bounded memory of what was computed, safe to share between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")


class Memo(Generic[V]):
    """Values by key; the least recently used ones are forgotten.

    A key must hold all that its value depends on, or change its `stamp` with the rest. Threads
    that ask for the same value wait for the first of them instead of computing it again.
    """

    def __init__(self, limit: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        """Keeps values of at most `limit` in all; the newest one whatever its weight."""
        self._limit = limit
        self._weight = weight
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Hashable, V, int]] = OrderedDict()
        self._makers: dict[Hashable, threading.Lock] = {}

    def get(
        self,
        key: Hashable,
        make: Callable[[], V],
        *,
        stamp: Hashable = None,
        renew: Callable[[V], V] | None = None,
    ) -> V:
        """The value of a key, made where it is not known, or known with another stamp.

        Args:
            key: of the value.
            make: makes it.
            stamp: what else it depends on.
            renew: makes it from the value that is known with another stamp.
        """
        with self._lock:
            known = self._find(key, stamp)
            if known is not None:
                return known[1]
            maker = self._makers.setdefault(key, threading.Lock())
        with maker:
            with self._lock:
                known = self._find(key, stamp)
                stale = self._values.get(key)
            if known is not None:
                return known[1]
            try:
                value = renew(stale[1]) if renew is not None and stale is not None else make()
                self._keep(key, stamp, value)
            finally:
                with self._lock:
                    self._makers.pop(key, None)
        return value

    def __contains__(self, key: Hashable) -> bool:
        """Whether a value of the key is kept, with whatever stamp."""
        return key in self._values

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

    def _find(self, key: Hashable, stamp: Hashable) -> tuple[Hashable, V, int] | None:
        known = self._values.get(key)
        if known is None or known[0] != stamp:
            return None
        self._values.move_to_end(key)
        return known

    def _keep(self, key: Hashable, stamp: Hashable, value: V) -> None:
        with self._lock:
            self._values[key] = (stamp, value, self._weight(value))
            self._values.move_to_end(key)
            total = sum(weight for _, _, weight in self._values.values())
            while total > self._limit and len(self._values) > 1:
                total -= self._values.popitem(last=False)[1][2]


class Memos:
    """A bounded memory for each kind of value, so that an owner need not know the kinds.

    What follows from a value is kept with it and goes with it, whoever computes it.
    """

    def __init__(self, limit: int) -> None:
        """Keeps the `limit` newest values of each kind."""
        self._limit = limit
        self._lock = threading.Lock()
        self._kinds: dict[str, Memo[Any]] = {}

    def get(self, kind: str, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a kind and a key, made where it is not known."""
        with self._lock:
            memo = self._kinds.setdefault(kind, Memo(self._limit))
        value: T = memo.get(key, make)
        return value
