"""Circuit breakers: one circuit per service, shared by threads, and what is told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from tradingkb.exceptions import CircuitOpenError
from tradingkb.observability import emit
from tradingkb.resilience import circuit as rules
from tradingkb.resilience.circuit import Circuit, StateName, Thresholds

#: The services that a knowledge base may depend on.
SERVICES: Final = ("db", "qdrant", "ollama")
Outcome = Literal["success", "failure", "slow", "rejected"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("success", "failure", "slow", "rejected")


@dataclass(frozen=True)
class BreakerState:
    """A breaker as it is now.

    Attributes:
        service: "db", "qdrant" or "ollama"; of the limits of requests "redis".
        state: "closed" (calls pass), "open" (none does) or "half_open" (one does).
        failures: calls in a row that were not answered.
        in_use: whether the service is used at all.
        open_since: when it opened, UTC; None while it is closed.
        last_error: the last failure, by the names and codes of the errors alone: it is shown to
            anyone who asks for the health of the service. While the breaker is open, what opened
            it.
        calls: how many calls ended how: "success" (answered, be it by an error), "failure", "slow"
            (answered, but so late that it counts as a failure), "rejected" (not made).
        retries: how many calls were made again.
        trips: how often it opened.
    """

    service: str
    state: StateName
    failures: int
    in_use: bool
    open_since: datetime | None
    last_error: str | None
    calls: Mapping[str, int]
    retries: int
    trips: int

    @property
    def is_open(self) -> bool:
        """Whether calls are rejected, all of them or all but one."""
        return self.state != "closed"

    def to_dict(self) -> dict[str, Any]:
        """What /health shows; the time stays one."""
        return {
            "failures": self.failures,
            "is_open": self.is_open,
            "state": self.state,
            "in_use": self.in_use,
            "open_since": self.open_since,
            "last_error": self.last_error,
        }


class Breaker:
    """The circuit breaker of one service; safe to share between threads."""

    def __init__(
        self,
        service: str,
        *,
        monotonic: Callable[[], float],
        clock: Callable[[], datetime],
        in_use: bool = True,
        thresholds: Thresholds | None = None,
        tell: Callable[[BreakerState], None] = lambda _: None,
    ) -> None:
        """A closed one.

        Args:
            service: whose.
            monotonic: seconds that only grow.
            clock: aware UTC time, for what is shown.
            in_use: whether the service is used at all.
            thresholds: when it opens.
            tell: told of every change of state, after it.
        """
        self.service = service
        self._monotonic = monotonic
        self._clock = clock
        self._in_use = in_use
        self._limits = thresholds or Thresholds()
        self._tell = tell
        self._lock = threading.Lock()
        self._circuit = Circuit()
        self._open_since: datetime | None = None
        self._calls: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        self._retries = self._trips = 0

    def ask(self, goes_on: int | None = None) -> int:
        """Asks to be let through, and gives what the end of the call has to be told with.

        Args:
            goes_on: what an earlier attempt of the same call was given, of which nothing has been
                told: it may go on, if nothing has changed since.

        Raises:
            CircuitOpenError: the call must not be made.
        """
        with self._lock:
            before = self._circuit
            if goes_on == before.generation:
                return before.generation
            self._circuit, wait = rules.asked(before, self._monotonic(), self._limits)
            if wait is not None:
                self._calls["rejected"] += 1
            now = self._circuit
        self._report(before, now)
        if wait is not None:
            raise CircuitOpenError(self.service, wait, now.error or "")
        return now.generation

    def succeeded(self, generation: int) -> None:
        """The call was answered, be it by an error of a living service."""
        self._end("success", lambda c: rules.succeeded(c, generation))

    def failed(self, generation: int, error: str, *, slow: bool = False) -> None:
        """The call was not answered, or so late that it comes to the same."""
        now = self._monotonic()
        self._end(
            "slow" if slow else "failure",
            lambda c: rules.failed(c, generation, error, now, self._limits),
        )

    def given_up(self, generation: int) -> None:
        """The call ended without saying anything of the service."""
        self._end(None, lambda c: rules.given_up(c, generation))

    def tells(self, told: Callable[[BreakerState], None]) -> None:
        """Tells of every change of state from now on, after it, and nobody else any more."""
        self._tell = told

    def retried(self) -> None:
        """Counts a call that is made again."""
        with self._lock:
            self._retries += 1

    def state(self) -> BreakerState:
        """What it is now."""
        with self._lock:
            return BreakerState(
                self.service,
                self._circuit.state,
                self._circuit.failures,
                self._in_use,
                self._open_since,
                self._circuit.error,
                dict(self._calls),
                self._retries,
                self._trips,
            )

    def _end(self, outcome: Outcome | None, change: Callable[[Circuit], Circuit]) -> None:
        with self._lock:
            before, now = self._circuit, change(self._circuit)
            self._circuit = now
            if outcome is not None:
                self._calls[outcome] += 1
            if now.state == "closed":
                self._open_since = None
            elif before.state == "closed":
                self._open_since = self._clock()
            # A probe that told nothing leaves it as open as it was.
            self._trips += now.state == "open" and now.failures > before.failures
        self._report(before, now)

    def _report(self, before: Circuit, now: Circuit) -> None:
        """Tells of a change of state; outside of the lock, since others are told."""
        if before.state == now.state:
            return
        fields = {"service": self.service, "failures": now.failures, "error": now.error}
        if now.state == "open":
            emit("circuit_opened", **fields)
        elif now.state == "half_open":
            emit("circuit_half_open", **fields)
        else:
            emit("circuit_closed", **fields)
        self._tell(self.state())


class Breakers:
    """The breakers of one knowledge base, one per service, and those that joined them."""

    def __init__(
        self,
        in_use: Mapping[str, bool],
        *,
        monotonic: Callable[[], float],
        clock: Callable[[], datetime],
        thresholds: Thresholds | None = None,
    ) -> None:
        """Closed breakers of all services.

        Args:
            in_use: which services are used; those that are not named are not.
            monotonic: seconds that only grow.
            clock: aware UTC time.
            thresholds: when they open.
        """
        self._told: list[Callable[[BreakerState], None]] = []
        self._breakers = {
            name: Breaker(
                name,
                monotonic=monotonic,
                clock=clock,
                in_use=in_use.get(name, False),
                thresholds=thresholds,
                tell=self._tell,
            )
            for name in SERVICES
        }

    def join(self, breaker: Breaker) -> None:
        """Takes in the breaker of a further service: shown and told of from now on as the others.

        The limits of requests have one where they are counted in Redis.
        """
        breaker.tells(self._tell)
        # Others may be going through them.
        self._breakers = {**self._breakers, breaker.service: breaker}

    def __getitem__(self, service: str) -> Breaker:
        return self._breakers[service]

    def __iter__(self) -> Iterator[str]:
        return iter(self._breakers)

    def states(self) -> dict[str, BreakerState]:
        """Every breaker as it is now, by service."""
        return {name: breaker.state() for name, breaker in self._breakers.items()}

    def subscribe(self, told: Callable[[BreakerState], None]) -> Callable[[], None]:
        """Tells of every change of state from now on, in the thread that made it.

        Returns:
            Ends it.
        """
        self._told.append(told)

        def end() -> None:
            if told in self._told:
                self._told.remove(told)

        return end

    def _tell(self, state: BreakerState) -> None:
        for told in tuple(self._told):
            told(state)
