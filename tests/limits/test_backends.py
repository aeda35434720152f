"""What becomes of requests while Redis does not count them, whatever the reason."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.limits.conftest import Clock, Count
from tests.redis_servers import StartRedis
from tradingkb.exceptions import ConfigurationError
from tradingkb.limits import backend_of
from tradingkb.observability import subscribe
from tradingkb.settings import load_settings
from tradingkb.testing.faults import Behaviour, FaultyServer, hanging, resetting

SECRET = "s3cret-of-redis"
#: What a server says instead of an answer.
GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def saying(data: bytes) -> Behaviour:
    """Whatever is asked, as soon as anything is."""
    return lambda line: (line.socket.recv(1), line.socket.sendall(data), line.ended.wait(1))


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


def without_password(start: StartRedis, _: FaultyServer) -> str:
    return start("--requirepass", SECRET).url


def wrong_password(start: StartRedis, _: FaultyServer) -> str:
    return start("--requirepass", SECRET).url.replace("unix://", "unix://:another@")


def no_permission(start: StartRedis, _: FaultyServer) -> str:
    redis = start()
    redis.ask("ACL", "SETUSER", "desk", "on", f">{SECRET}", "~tradingkb:*", "+ping")
    return redis.url.replace("unix://", f"unix://desk:{SECRET}@")


def reads_only(start: StartRedis, _: FaultyServer) -> str:
    return start("--replicaof", "127.0.0.1", "1").url


def full(start: StartRedis, _: FaultyServer) -> str:
    redis = start("--maxmemory-policy", "noeviction")
    redis.ask("CONFIG", "SET", "maxmemory", 1)
    return redis.url


def behaving(behaviour: Behaviour) -> Callable[[StartRedis, FaultyServer], str]:
    def url(_: StartRedis, faulty: FaultyServer) -> str:
        faulty.behave(behaviour)
        return f"redis://127.0.0.1:{faulty.port}"

    return url


def refused(_: StartRedis, faulty: FaultyServer) -> str:
    faulty.refuse()
    return f"redis://127.0.0.1:{faulty.port}"


#: Why Redis does not count, and what is said of it.
FAULTS: Mapping[str, tuple[Callable[[StartRedis, FaultyServer], str], str]] = {
    "refuses connections": (refused, "ConnectionRefusedError 111"),
    "hangs": (behaving(hanging()), "TimeoutError"),
    "resets connections": (behaving(resetting()), "ConnectionResetError 104"),
    "speaks another protocol": (behaving(saying(GARBAGE)), "InvalidResponse"),
    "answers what nobody asked": (behaving(saying(b"+OK\r\n" * 9)), "ValueError"),
    "is no name": (lambda *_: "redis://nowhere.invalid", "gaierror"),
    "wants a password": (without_password, "AuthenticationError NOAUTH"),
    "wants another password": (wrong_password, "AuthenticationError WRONGPASS"),
    "does not permit scripts": (no_permission, "NoPermissionError NOPERM"),
    "is a replica that only reads": (reads_only, "ReadOnlyError READONLY"),
    "is full": (full, "OutOfMemoryError OOM"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("fail", ["open", "closed"])
def test_a_server_that_does_not_count_is_left_alone_and_hurts_no_request(
    count: Count, ticks: Clock, start_redis: StartRedis, faulty: FaultyServer, fault: str, fail: str
):
    prepare, why = FAULTS[fault]
    told: list[tuple[str, Mapping[str, Any]]] = []
    backend = count(prepare(start_redis, faulty), rate_limit_fail=fail)
    share = backend.share("workspace", 2, 1)
    started = time.perf_counter()
    end = subscribe(lambda event, fields: told.append((event, fields)))
    found = [share.take("desk") for _ in range(3)]
    ok, detail, facts = backend.check()
    end()
    assert time.perf_counter() - started < 2.0  # one of them has waited, a quarter of a second
    meant = [None, "at_once", "at_once"] if fail == "open" else ["unknown"] * 3
    assert [one.refused for one in found] == meant
    assert all(0 < one.wait_s <= 1 for one in found if one.refused == "unknown")
    (breaker,) = backend.breakers().values()
    assert (breaker.calls["failure"], breaker.calls["rejected"]) == (1, 3)
    assert (ok, facts) == (fail == "open", {"backend": "redis", "fail": fail})
    assert why in detail
    assert f"RATE_LIMIT_FAIL={fail}" in detail
    (event,) = told
    assert event[0] == "circuit_opened"
    assert (event[1]["service"], why in event[1]["error"]) == ("redis", True)
    assert SECRET not in f"{detail} {told}"
    for one in found:
        one.release()
    # It is asked again after 1, 2, 4, 8 and 10 seconds, by one request each time.
    for wait in (1, 2, 4, 8, 10, 10):
        ticks.now += wait - 0.01
        share.take("desk").release()
        before = backend.breakers()["redis"].calls["failure"]
        ticks.now += 0.01
        share.take("desk").release()
        share.take("desk").release()
        assert backend.breakers()["redis"].calls["failure"] == before + 1


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_requests_are_counted_through_the_death_and_the_return_of_the_server(
    count: Count, ticks: Clock, start_redis: StartRedis, fail: str
):
    redis = start_redis()
    backend = count(redis.patient_url, rate_limit_fail=fail)
    share = backend.share("workspace", 2, 0)
    asked = lambda: [share.take("desk").refused for _ in range(3)]  # noqa: E731
    own = [None, None, "per_minute"]
    assert asked() == own
    redis.kill()
    assert asked() == (own if fail == "open" else ["unknown"] * 3)
    redis.start()
    ticks.now += 1
    assert asked() == own  # another server: it has forgotten the minute
    assert backend.check()[0]
    assert backend.breakers()["redis"].state == "closed"


def test_a_share_that_is_never_closed_is_counted_in_memory_while_others_are_refused(
    count: Count, ticks: Clock, start_redis: StartRedis
):
    redis = start_redis()
    backend = count(redis.patient_url, rate_limit_fail="closed")
    asking, reading = (
        backend.share("workspace", 2, 0),
        backend.share("workspace-reads", 2, 0, never_closed=True),
    )
    redis.kill()
    assert asking.take("desk").refused == "unknown"
    assert [reading.take("desk").refused for _ in range(3)] == [None, None, "per_minute"]
    redis.start()
    ticks.now += 1
    assert [reading.take("desk").refused for _ in range(3)] == [None, None, "per_minute"]
    assert asking.take("desk").refused is None


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_requests_are_counted_while_the_server_is_frozen_and_after_it(
    count: Count, ticks: Clock, start_redis: StartRedis, fail: str
):
    redis = start_redis()
    share = count(redis.url, rate_limit_fail=fail).share("workspace", 3, 0)
    assert share.take("desk").minute.remaining == 2
    redis.freeze()
    started = time.perf_counter()
    found = [share.take("desk").refused for _ in range(50)]
    assert 0.2 < time.perf_counter() - started < 2
    assert found[:4] == ([None, None, None, "per_minute"] if fail == "open" else ["unknown"] * 4)
    redis.thaw()
    ticks.now += 1
    assert share.take("desk").minute.remaining in (0, 1)  # the one it was frozen at may count


def test_a_check_of_a_server_that_counts_says_so_and_leaves_nothing(
    count: Count, start_redis: StartRedis
):
    redis = start_redis()
    backend = count(redis.patient_url)
    for _ in range(3):
        assert backend.check() == (
            True,
            "all replicas count together, in Redis",
            {"backend": "redis", "fail": "closed"},
        )
    # Its key lives for a millisecond at most: it may be gone (-2) while it is looked at.
    assert {redis.ask("PTTL", key) for key in redis.ask("KEYS", "*")} <= {-2, 0, 1}


def test_a_check_brings_a_server_back_that_nobody_else_may_ask(
    count: Count, ticks: Clock, start_redis: StartRedis
):
    redis = start_redis()
    redis.kill()
    backend = count(redis.patient_url, rate_limit_fail="closed")
    assert not backend.check()[0]
    redis.start()
    ticks.now += 1
    assert backend.check()[0]
    assert backend.share("workspace", 1, 0).take("desk").refused is None


def test_a_slot_that_comes_back_does_not_bring_back_a_server_that_is_full(
    count: Count, ticks: Clock, start_redis: StartRedis
):
    redis = start_redis()
    backend = count(redis.patient_url)
    share = backend.share("workspace", 0, 9)
    held = [share.take("desk") for _ in range(2)]
    redis.ask("CONFIG", "SET", "maxmemory", 1)
    assert share.take("lab").refused == "unknown"
    ticks.now += 1
    held[0].release()  # to take out needs no memory
    assert backend.breakers()["redis"].is_open
    assert share.take("lab").refused == "unknown"
    ticks.now += 1.9
    assert share.take("lab").refused == "unknown"  # left alone for two seconds by now
    assert backend.breakers()["redis"].calls["failure"] == 2
    redis.ask("CONFIG", "SET", "maxmemory", 0)
    ticks.now += 0.1
    assert share.take("lab").refused is None
    assert redis.ask("ZCARD", "tradingkb:limits:slots:workspace:desk") == 1


def test_memory_says_that_each_replica_counts_for_itself():
    backend = backend_of(load_settings(), time.monotonic)
    ok, detail, facts = backend.check()
    assert (ok, facts, backend.breakers()) == (True, {"backend": "memory"}, {})
    assert "each replica counts for itself" in detail
    backend.close()


# --- what cannot be used --------------------------------------------------------------------------


def test_redis_without_its_url_is_refused_and_both_settings_are_named():
    with pytest.raises(ConfigurationError, match=r"RATE_LIMIT_BACKEND=redis .* REDIS_URL"):
        backend_of(load_settings(rate_limit_backend="redis"), time.monotonic)


@pytest.mark.parametrize(
    "url",
    [
        f"{SECRET}",
        f"http://:{SECRET}@host:6379",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@:6379",
        f"redis://:{SECRET}/x@host:6379",
        f"redis://:{SECRET}#x@host:6379",
        f"redis://:{SECRET}?x@host:6379",
        f"redis://:{SECRET}@x@host:6379",
        f"redis://user:host:{SECRET}",
        f"redis://:{SECRET}@host:6379/zero",
        f"redis://:{SECRET}@host:6379?{SECRET}=1",
        f"redis://:{SECRET}@host:6379?socket_timeout={SECRET}",
        f"redis://:{SECRET}@host:99999",
        f"redis://[{SECRET}",
        f"unix://:{SECRET}@",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_and_not_shown(url: str):
    settings = load_settings(rate_limit_backend="redis", redis_url=url)
    with pytest.raises(ConfigurationError, match="REDIS_URL") as refused:
        backend_of(settings, time.monotonic)
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host:6379/0",
        "rediss://user:p%40ss@host:6380/1",
        "redis://[::1]:6379",
        "rediss://host?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_url_that_can_be_read_is_not_connected_to(url: str):
    backend_of(load_settings(rate_limit_backend="redis", redis_url=url), time.monotonic).close()


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    settings = load_settings(rate_limit_backend="redis", redis_url="redis://host")
    with pytest.raises(ConfigurationError, match=r"pip install 'tradingkb\[server\]'"):
        backend_of(settings, time.monotonic)
