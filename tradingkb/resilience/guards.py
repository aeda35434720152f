"""Guards: calls of a service, with retries inside a circuit breaker.

One call that was not answered, however often it was tried, is one failure. An error that is not
transient is an answer of a living service. A call whose caller had no time for it says nothing.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from tradingkb.exceptions import BackendUnavailableError, TradingKBError
from tradingkb.observability import emit
from tradingkb.ports import patience, seconds_left
from tradingkb.resilience.breakers import Breaker
from tradingkb.resilience.causes import cause_of, is_transient
from tradingkb.resilience.retries import with_retries

T = TypeVar("T")


@dataclass(frozen=True)
class Policy:
    """How long and how often a service is asked.

    Attributes:
        total_s: seconds that one call may take in all, with its retries.
        attempts: in all.
        wait_s: seconds before the second attempt; each later wait is twice as long.
        longest_wait_s: seconds that no wait exceeds.
        jitter: share of a wait that is added to it at random, so that clients do not come together.
        slow: share of `total_s` after which an answer counts as a failure.
        queues: whether it does one thing after the other, so that calls wait behind bulk work of
            ours: then to be late beside it says nothing of the service.
    """

    total_s: float
    attempts: int = 3
    wait_s: float = 0.5
    longest_wait_s: float = 10.0
    jitter: float = 0.5
    slow: float = 0.8
    queues: bool = False

    def wait(self, attempt: int, chance: float) -> float:
        """Seconds to wait after an attempt, counted from 1; `chance` is in [0, 1)."""
        planned = self.wait_s * 2.0 ** (attempt - 1) * (1 + self.jitter * chance)
        return min(planned, self.longest_wait_s)


#: Of a service that is waited for less than this share of its time, nothing is known.
_ENOUGH: Final = 0.5


class Guard:
    """Calls of one service."""

    def __init__(
        self,
        breaker: Breaker,
        policy: Policy,
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Stands before a service.

        Args:
            breaker: the service's.
            policy: how long and how often it is asked.
            monotonic: seconds that only grow.
            chance: a random number in [0, 1), for jitter.
        """
        self.breaker = breaker
        self.policy = policy
        self.monotonic = monotonic
        self._chance = chance
        self._lock = threading.Lock()
        self._bulk = 0
        self._bulk_ended_s = -math.inf

    def call(
        self,
        ask: Callable[[], T],
        *,
        bulk: bool = False,
        again: Callable[[BaseException], bool] = is_transient,
    ) -> T:
        """Calls a function that may be called again.

        Args:
            ask: asks the service.
            bulk: whether it asks more than once, so that it may rightly take long: then each
                request has its time, and no answer is slow.
            again: says after which errors it is called again.

        Raises:
            CircuitOpenError: the service is left alone for a while.
            BackendUnavailableError: it did not answer.
        """
        generation, started = self.breaker.ask(), self.monotonic()
        try:
            if bulk:
                with self._bulk_work():
                    answer = self.retrying(ask, again)
            else:
                with patience(self.policy.total_s):
                    answer = self.retrying(ask, again)
        except BaseException as error:
            taken = self.monotonic() - started
            if not bulk and self._waited_behind(taken) and is_transient(error):
                self.breaker.given_up(generation)
            else:
                self.tell(generation, error, taken)
            raise
        taken = self.monotonic() - started
        if not bulk and self._is_slow(taken) and not self._waited_behind(taken):
            self.breaker.failed(generation, f"slow: {taken:.1f} s", slow=True)
        else:
            self.breaker.succeeded(generation)
        return answer

    def tell(self, generation: int, error: BaseException, taken_s: float) -> None:
        """Tells the breaker how a call ended that raised."""
        if is_transient(error) and not self._hurried(taken_s):
            self.breaker.failed(generation, cause_of(error))
        elif isinstance(error, TradingKBError) and not isinstance(error, BackendUnavailableError):
            self.breaker.succeeded(generation)
        else:
            self.breaker.given_up(generation)

    def retrying(
        self, ask: Callable[[], T], again: Callable[[BaseException], bool] = is_transient
    ) -> T:
        """Calls a function, again after an error of which `again` says so; without the breaker."""
        started = self.monotonic()

        def wait(attempt: int, error: Exception) -> float | None:
            if attempt >= self.policy.attempts or not again(error):
                return None
            wait_s = self.policy.wait(attempt, self._chance())
            left = self.policy.total_s - (self.monotonic() - started)
            if wait_s >= seconds_left(left):
                return None
            self.breaker.retried()
            _tell_retry(self.breaker.service, attempt, round(wait_s, 3), str(error))
            return wait_s

        return with_retries(ask, wait)

    @contextmanager
    def _bulk_work(self) -> Iterator[None]:
        with self._lock:
            self._bulk += 1
        try:
            yield
        finally:
            with self._lock:
                self._bulk -= 1
                self._bulk_ended_s = self.monotonic()

    def _is_slow(self, taken_s: float) -> bool:
        return taken_s > self.policy.slow * self.policy.total_s

    def _waited_behind(self, taken_s: float) -> bool:
        """Whether a call that ends now was late because of our own bulk work."""
        if not (self.policy.queues and self._is_slow(taken_s)):
            return False
        with self._lock:
            return self._bulk > 0 or self._bulk_ended_s >= self.monotonic() - taken_s

    def _hurried(self, taken_s: float) -> bool:
        """Whether the caller gave up before the service had its time."""
        return seconds_left() <= 0 and taken_s < _ENOUGH * self.policy.total_s


def _tell_retry(service: str, attempt: int, wait_s: float, error: str) -> None:
    if service == "db":
        emit("db_retry", attempt=attempt, wait_s=wait_s, error=error)
    elif service == "qdrant":
        emit("qdrant_retry", attempt=attempt, wait_s=wait_s, error=error)
    else:
        emit("ollama_retry", attempt=attempt, wait_s=wait_s, error=error)
