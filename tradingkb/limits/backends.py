"""Where requests are counted: in each replica's memory, or in Redis, all replicas together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from tradingkb.exceptions import BackendUnavailableError, CircuitOpenError, ConfigurationError
from tradingkb.limits.redis import RedisShare
from tradingkb.limits.server import RedisServer, redis_client
from tradingkb.limits.share import Counted, MemoryShare, Share
from tradingkb.resilience import Breaker, Breakers, BreakerState, Thresholds
from tradingkb.settings import ServiceSettings

#: How Redis is left alone: after any failure, for a second at first, and ten at most.
_THRESHOLDS: Final = Thresholds(failures=1, reset_s=1.0, longest_s=10.0)
#: Seconds that a request may end after its deadline: between two steps it does not look at it.
_MARGIN_S: Final = 30.0
#: A share of nobody's, by which the server is looked at: one at once, for a microsecond.
_PROBE: Final = "probe"
#: Connections beside those of requests: probes look at the server, too.
_SPARE: Final = 8
#: Whether requests can be counted as they should be or as the operator wants it meanwhile, a
#: sentence, and facts.
Found = tuple[bool, str, Mapping[str, Any]]


class Backend(Protocol):
    """What counts requests."""

    def share(
        self, name: str, per_minute: int, concurrent: int, *, never_closed: bool = False
    ) -> Share:
        """A share of each workspace; limits of 0 are none.

        Args:
            name: of the share.
            per_minute: requests of a workspace in any 60 seconds.
            concurrent: requests of a workspace at once.
            never_closed: count in this process while the server does not answer, even where
                RATE_LIMIT_FAIL is closed: for what an operator reads to see what is wrong.
        """

    def check(self) -> Found:
        """How it stands; never raises."""

    def breakers(self) -> Mapping[str, BreakerState]:
        """The circuit breaker of its server, by name, where it has one; asks nobody."""

    def join(self, breakers: Breakers) -> None:
        """Has that breaker shown and told of among those of a knowledge base."""

    def close(self) -> None:
        """Gives up what it holds."""


class MemoryBackend:
    """Each replica for itself."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    def share(
        self,
        name: str,  # noqa: ARG002
        per_minute: int,
        concurrent: int,
        *,
        never_closed: bool = False,  # noqa: ARG002
    ) -> Share:
        """A share of each workspace, in this process alone; each call makes new ones."""
        return MemoryShare(per_minute, concurrent, self._monotonic)

    def check(self) -> Found:
        """Memory is always there."""
        return True, "each replica counts for itself, in memory", {"backend": "memory"}

    def breakers(self) -> Mapping[str, BreakerState]:
        """None: there is no server."""
        return {}

    def join(self, breakers: Breakers) -> None:
        """There is none."""

    def close(self) -> None:
        """Nothing is held."""


class RedisBackend:
    """All replicas together; and what happens while the server does not answer."""

    def __init__(
        self,
        server: RedisServer,
        monotonic: Callable[[], float],
        *,
        lease_s: float,
        fail_open: bool,
    ) -> None:
        """Asks nothing yet.

        Args:
            server: counts.
            monotonic: seconds that never go back.
            lease_s: see `RedisShare`.
            fail_open: whether requests are counted in this process while the server does not
                answer; they are refused otherwise, but for shares that are never closed.
        """
        self._server = server
        self._monotonic = monotonic
        self._lease_s = lease_s
        self._fail_open = fail_open
        self._probe = RedisShare(server, _PROBE, 0, 1, lease_s=1e-6)

    def share(
        self, name: str, per_minute: int, concurrent: int, *, never_closed: bool = False
    ) -> Share:
        """A share of each workspace, common to all replicas."""
        shared = RedisShare(self._server, name, per_minute, concurrent, self._lease_s)
        is_open = self._fail_open or never_closed
        own = MemoryShare(per_minute, concurrent, self._monotonic) if is_open else None
        return _Guarded(shared, own)

    def check(self) -> Found:
        """Counts as for a request, so that a server that only reads, or is full, shows."""
        facts = {"backend": "redis", "fail": "open" if self._fail_open else "closed"}
        try:
            self._probe.take(_PROBE)
        except BackendUnavailableError:
            why = self._server.breaker.state().last_error or "no answer"
            meanwhile = (
                "each replica counts for itself, in memory (RATE_LIMIT_FAIL=open)"
                if self._fail_open
                else "requests are refused but for lists and reports, which each replica counts "
                "for itself (RATE_LIMIT_FAIL=closed)"
            )
            return self._fail_open, f"Redis does not count ({why}): meanwhile {meanwhile}", facts
        return True, "all replicas count together, in Redis", facts

    def breakers(self) -> Mapping[str, BreakerState]:
        """That of the server."""
        return {"redis": self._server.breaker.state()}

    def join(self, breakers: Breakers) -> None:
        """That of the server."""
        breakers.join(self._server.breaker)

    def close(self) -> None:
        """Closes connections."""
        self._server.close()


class _Guarded:
    """A share in Redis, and what stands in for it while that does not answer."""

    def __init__(self, shared: RedisShare, own: MemoryShare | None) -> None:
        self._shared = shared
        self._own = own

    def take(self, name: str) -> Counted:
        """Counts a request of the name, or refuses it."""
        try:
            return self._shared.take(name)
        except BackendUnavailableError as error:
            if self._own is not None:
                return self._own.take(name)
            wait_s = error.retry_after_s if isinstance(error, CircuitOpenError) else 1.0
            return Counted("unknown", wait_s=wait_s)


def backend_of(settings: ServiceSettings, monotonic: Callable[[], float]) -> Backend:
    """What RATE_LIMIT_BACKEND names; a server is not asked yet.

    Raises:
        ConfigurationError: REDIS_URL is missing or cannot be read, or redis is not installed.
    """
    if settings.rate_limit_backend == "memory":
        return MemoryBackend(monotonic)
    if settings.redis_url is None:
        raise ConfigurationError(
            "RATE_LIMIT_BACKEND=redis needs to know where: set REDIS_URL, such as "
            "redis://:password@host:6379/0, or set RATE_LIMIT_BACKEND=memory"
        )
    breaker = Breaker(
        "redis", monotonic=monotonic, clock=partial(datetime.now, UTC), thresholds=_THRESHOLDS
    )
    client = redis_client(settings.redis_url, settings.threads + _SPARE)
    return RedisBackend(
        RedisServer(client, breaker, monotonic),
        monotonic,
        lease_s=settings.recommend_deadline_s + _MARGIN_S,
        fail_open=settings.rate_limit_fail == "open",
    )
