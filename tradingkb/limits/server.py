"""A Redis server that may fail: asked once, for a short time, and left alone after a failure."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.limits.scripts import GIVE_BACK
from tradingkb.resilience import Breaker, cause_of

T = TypeVar("T")
#: Seconds that a request waits for a connection, and for an answer: never both in vain, since it
#: is asked once. Within one network both take a thousandth of it.
PATIENCE_S: Final = 0.25
#: Of every script.
Answer = tuple[int, int, int]
#: What has to be given back: a key, a token in it, and when its lease is over anyway.
Owed = tuple[str, str, float]


class RedisServer:
    """One server, and what it is owed: slots that could not be given back while it was away."""

    def __init__(self, client: Any, breaker: Breaker, monotonic: Callable[[], float]) -> None:
        """Asks nothing yet.

        Args:
            client: of the library redis, without retries.
            breaker: says when it is asked.
            monotonic: seconds that only grow.
        """
        self.breaker = breaker
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._owed: list[Owed] = []

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[object]) -> Answer:
        """The answer of a script; what is owed is given back before.

        Raises:
            CircuitOpenError: it failed a short while ago, and is not asked.
            BackendUnavailableError: it did not answer, or not with what was asked for.
        """

        def ask(client: Any) -> Answer:
            self._settle(client)
            return _run(client, script, keys, arguments)

        return self._ask(ask)

    def give_back(self, keys: Sequence[str], token: str, lease_s: float) -> None:
        """Takes a token out of sorted sets: now, or with the first question that is answered again.

        Args:
            keys: of the sorted sets.
            token: the member.
            lease_s: seconds after which it is no longer there anyway.
        """
        self.owe(keys, token, lease_s)
        # Whether it counts again a question finds out: a server that is full still takes out.
        if not self.breaker.state().is_open:
            with suppress(BackendUnavailableError):  # the breaker tells of it, and it stays owed
                self._ask(self._settle)

    def owe(self, keys: Sequence[str], token: str, lease_s: float) -> None:
        """Has a token taken out of sorted sets before the next question; see `give_back`."""
        until = self._monotonic() + lease_s
        self._owe([(key, token, until) for key in keys])

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def _settle(self, client: Any) -> None:
        now = self._monotonic()
        with self._lock:
            owed, self._owed = [one for one in self._owed if one[2] > now], []
        if not owed:
            return
        try:
            _run(client, GIVE_BACK, [key for key, _, _ in owed], [token for _, token, _ in owed])
        except BaseException:
            self._owe(owed)
            raise

    def _owe(self, owed: list[Owed]) -> None:
        with self._lock:
            self._owed.extend(owed)

    def _ask(self, ask: Callable[[Any], T]) -> T:
        generation = self.breaker.ask()
        try:
            found = ask(self._client)
        except Exception as error:  # also what redis itself did not foresee: no request ends by it
            self.breaker.failed(generation, cause_of(error))
            raise BackendUnavailableError(f"Redis: no answer: {cause_of(error)}") from error
        except BaseException:
            self.breaker.given_up(generation)
            raise
        self.breaker.succeeded(generation)
        return found


def _run(client: Any, script: str, keys: Sequence[str], arguments: Sequence[object]) -> Answer:
    """By the digest of the script; by its text where the server, started anew, knows it no more."""
    from redis.exceptions import NoScriptError

    digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    rest, found = (len(keys), *keys, *arguments), None
    with suppress(NoScriptError):
        found = client.execute_command("EVALSHA", digest, *rest)
    if found is None:
        found = client.execute_command("EVAL", script, *rest)
    if not isinstance(found, list):
        raise ValueError("the answer is no list")
    first, second, third = map(int, found)
    return first, second, third


def redis_client(url: str, connections: int) -> Any:
    """A client of the server at REDIS_URL, which is not asked yet.

    It tries nothing twice: who asks has other work to do.

    Args:
        url: `redis://`, `rediss://` for TLS, or `unix://` with a path.
        connections: as many as may ask at once.

    Raises:
        ConfigurationError: the URL cannot be read (it is not repeated: it may hold a password), or
            the library is not installed.
    """
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ModuleNotFoundError:
        raise ConfigurationError(
            "RATE_LIMIT_BACKEND=redis needs the package redis: pip install 'tradingkb[server]'"
        ) from None
    _check(url)
    try:
        pool = redis.ConnectionPool.from_url(
            url,
            max_connections=connections,
            socket_connect_timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
            # The third protocol asks four times before a new connection can be used.
            protocol=2,
            driver_info=None,
        )
        pool.make_connection()  # connects to nothing, and refuses unknown options
    except Exception:  # redis repeats parts of the URL
        raise _unreadable("is no URL of a Redis server") from None
    pool.reset()
    return redis.Redis.from_pool(pool)  # closes the pool when it is closed


def _check(url: str) -> None:
    """Refuses what redis would read as another place than was meant: without a host, localhost."""
    try:
        parts = urlsplit(url)
        there, _ = parts.path if parts.scheme == "unix" else parts.hostname, parts.port
    except ValueError:  # a port that is none is often a part of a password
        there = None
    if not there or parts.scheme not in ("redis", "rediss", "unix"):
        raise _unreadable("is no URL of a Redis server")
    database = parts.path.strip("/")
    unquoted = parts.netloc.count("@") > 1 or "@" in parts.path or parts.fragment
    if unquoted or (parts.scheme != "unix" and database and not database.isdigit()):
        raise _unreadable("does not say where its password ends")


def _unreadable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"setting REDIS_URL: {why}; correct it, such as redis://user:password@host:6379/0, "
        "rediss:// for TLS or unix:///path; write @ as %40, / as %2F, # as %23 and ? as %3F in a "
        "password"
    )
