"""What Redis holds of requests, how often it is asked, and what else it may find there."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

from tests.limits.conftest import Clock, Count
from tradingkb.limits import Backend
from tradingkb.limits.redis import PREFIX
from tradingkb.testing import RedisProcess
from tradingkb.testing.proxy import FaultyProxy


@pytest.fixture
def proxy(redis_process: RedisProcess) -> Iterator[FaultyProxy]:
    """Between a replica and the server."""
    with FaultyProxy(redis_process.path) as between:
        yield between


@pytest.fixture
def cautious(count: Count, proxy: FaultyProxy) -> Backend:
    """A replica behind the proxy that admits nothing while it cannot count."""
    url = f"redis://127.0.0.1:{proxy.port}?socket_timeout=20"
    return count(url, rate_limit_fail="closed")


@pytest.fixture
def name() -> str:
    """A workspace that no other test asks for."""
    return uuid.uuid4().hex


def keys_of(redis: RedisProcess, name: str) -> list[str]:
    return sorted(key.decode() for key in redis.ask("KEYS", f"*{name}*"))


def calls_of(redis: RedisProcess) -> dict[str, int]:
    """How often each command was sent by clients: what scripts do stands beside it."""
    lines = redis.ask("INFO", "commandstats")
    found = {key.removeprefix("cmdstat_"): told["calls"] for key, told in lines.items()}
    return {key: found.get(key, 0) for key in ("evalsha", "eval", "auth", "hello", "client")}


def test_an_admission_is_one_round_trip_and_so_is_what_follows_it(start_redis, count: Count, name):
    redis = start_redis()
    share = count(redis.patient_url).share("workspace", 5, 2)
    share.take(name).release()
    before = calls_of(redis)
    admitted, minute_full = share.take(name), [share.take(name) for _ in range(3)][-1]
    assert (admitted.refused, minute_full.refused) == (None, "at_once")
    admitted.release()
    admitted.release()
    after = calls_of(redis)
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {
        "evalsha": 5  # four questions, and one slot that came back
    }
    assert (after["hello"], after["client"]) == (0, 0)  # a new connection asks nothing of its own


def test_keys_name_the_share_and_the_workspace_and_expire_by_themselves(
    redis_process, count: Count, name
):
    count(redis_process.patient_url).share("workspace", 5, 2).take(name)
    found = keys_of(redis_process, name)
    assert found == [f"{PREFIX}:{kind}:workspace:{name}" for kind in ("slots", "window")]
    assert PREFIX.startswith("tradingkb:")
    slots, window = (redis_process.ask("PTTL", key) for key in found)
    assert 50_000 < window <= 60_000
    assert 50_000 < slots <= 60_000  # 30 s of a request's deadline, and 30 s beside it


def test_nothing_of_a_request_is_kept_once_it_has_ended_but_its_time(
    redis_process, count: Count, name
):
    count(redis_process.patient_url).share("workspace", 5, 2).take(name).release()
    (window,) = keys_of(redis_process, name)
    (member,) = redis_process.ask("ZRANGE", window, 0, -1)
    assert re.fullmatch(r"[0-9a-f]{32}", member.decode())


def test_shares_of_other_names_are_counted_beside_each_other(redis_process, count: Count, name):
    backend = count(redis_process.patient_url)
    asking, reading = backend.share("workspace", 1, 0), backend.share("workspace-reads", 1, 0)
    found = [share.take(name).refused for share in (asking, reading, asking, reading)]
    assert found == [None, None, "per_minute", "per_minute"]


def test_a_lease_is_longer_than_the_deadline_of_a_request(redis_process, count: Count, name):
    backend = count(redis_process.patient_url, recommend_deadline_s=500.0)
    backend.share("workspace", 0, 1).take(name)
    (slots,) = keys_of(redis_process, name)
    assert 500_000 < redis_process.ask("PTTL", slots) <= 530_000


@pytest.mark.parametrize(
    "command", [("SET", "{}", "x"), ("RPUSH", "{}", "x"), ("HSET", "{}", 1, 1)]
)
def test_a_key_that_holds_something_else_is_replaced(redis_process, count: Count, name, command):
    share = count(redis_process.patient_url).share("workspace", 1, 1)
    for kind in ("slots", "window"):
        redis_process.ask(
            *(str(part).format(f"{PREFIX}:{kind}:workspace:{name}") for part in command)
        )
    admitted = share.take(name)
    assert [admitted.refused, share.take(name).refused] == [None, "at_once"]
    redis_process.ask("SET", f"{PREFIX}:slots:workspace:{name}", "x")
    admitted.release()
    assert share.take(name).refused == "per_minute"


def test_a_clock_that_was_set_back_does_not_shut_a_workspace_out(redis_process, count: Count, name):
    share = count(redis_process.patient_url).share("workspace", 2, 2)
    seconds, _ = redis_process.ask("TIME")
    tomorrow = (int(seconds) + 86_400) * 10**6
    for kind in ("slots", "window"):
        key = f"{PREFIX}:{kind}:workspace:{name}"
        redis_process.ask("ZADD", key, tomorrow, "a", tomorrow + 1, "b")
    found = [share.take(name) for _ in range(3)]
    assert [one.refused for one in found] == [None, None, "at_once"]


def test_more_of_the_minute_comes_within_a_minute_though_the_clock_was_set_back(
    redis_process, count: Count, name
):
    share = count(redis_process.patient_url).share("workspace", 1, 0)
    seconds, _ = redis_process.ask("TIME")
    key = f"{PREFIX}:window:workspace:{name}"
    redis_process.ask("ZADD", key, (int(seconds) + 50) * 10**6, "a")
    refused = share.take(name)
    assert (refused.refused, refused.minute.more_in_s) == ("per_minute", 60.0)


def test_a_server_that_has_forgotten_the_scripts_is_told_them_again(
    start_redis, count: Count, name
):
    redis = start_redis()
    share = count(redis.patient_url).share("workspace", 9, 1)
    held = share.take(name)
    redis.ask("SCRIPT", "FLUSH")
    held.release()
    assert [share.take(name).refused, share.take(name).refused] == [None, "at_once"]


def test_what_was_counted_though_its_answer_was_lost_is_taken_back(
    redis_process, cautious: Backend, proxy: FaultyProxy, ticks: Clock, name
):
    share = cautious.share("workspace", 2, 1)
    share.take(name).release()
    proxy.cut_after(1)
    assert share.take(name).refused == "unknown"
    assert len(keys_of(redis_process, name)) == 2  # it has a slot, and counts
    ticks.now += 1
    found = share.take(name)
    assert (found.refused, found.minute.remaining) == (None, 0)


def test_slots_that_could_not_be_given_back_come_back_with_the_server(
    cautious: Backend, proxy: FaultyProxy, ticks: Clock, name
):
    share = cautious.share("workspace", 0, 3)
    held = [share.take(name) for _ in range(3)]
    proxy.refuse()
    proxy.cut()
    for one in held:
        one.release()
    proxy.restore()
    assert share.take(name).refused == "unknown"  # it is not asked yet
    ticks.now += 1
    assert [share.take(name).refused for _ in range(4)] == [None, None, None, "at_once"]


def test_whoever_looks_at_the_server_gives_back_what_it_is_owed(
    redis_process, cautious: Backend, proxy: FaultyProxy, ticks: Clock, name
):
    held = cautious.share("workspace", 0, 1).take(name)
    proxy.refuse()
    proxy.cut()
    held.release()
    proxy.restore()
    ticks.now += 1
    assert keys_of(redis_process, name) != []
    assert cautious.check()[0]
    assert keys_of(redis_process, name) == []


def test_nobody_is_owed_what_its_lease_has_given_back(
    redis_process, cautious: Backend, proxy: FaultyProxy, ticks: Clock, name
):
    share = cautious.share("workspace", 0, 1)
    held = share.take(name)
    proxy.refuse()
    proxy.cut()
    held.release()
    proxy.restore()
    ticks.now += 61
    before = calls_of(redis_process)["evalsha"]
    share.take(name)
    assert calls_of(redis_process)["evalsha"] == before + 1
