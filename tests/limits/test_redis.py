"""What Redis holds of requests, how often it is asked, and what else it may find there."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import uuid
from contextlib import closing

import pytest

from tests.limits.ageing import age
from tests.limits.conftest import Clock, Count
from tests.redis_servers import StartRedis
from tradingkb.limits.redis import PREFIX
from tradingkb.testing import RedisProcess
from tradingkb.testing.proxy import FaultyProxy


@pytest.fixture
def redis(start_redis: StartRedis) -> RedisProcess:
    """A server of the test's own."""
    return start_redis()


def forbid(redis: RedisProcess) -> None:
    """Lets nobody count any more, and closes no connection."""
    redis.ask("ACL", "SETUSER", "default", "-eval", "-evalsha")


def permit(redis: RedisProcess) -> None:
    redis.ask("ACL", "SETUSER", "default", "+eval", "+evalsha")


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


def test_an_admission_is_one_round_trip_and_so_is_what_follows_it(
    redis: RedisProcess, count: Count, name
):
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


def test_a_slot_that_nobody_gives_back_comes_back_after_its_lease(
    redis_process, count: Count, name
):
    share = count(redis_process.patient_url).share("workspace", 0, 2)
    share.take(name)
    age(redis_process, 30)
    share.take(name)
    assert share.take(name).refused == "at_once"
    age(redis_process, 31)
    assert [share.take(name).refused for _ in range(2)] == [None, "at_once"]


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
    redis: RedisProcess, count: Count, name
):
    share = count(redis.patient_url).share("workspace", 9, 1)
    held = share.take(name)
    redis.ask("SCRIPT", "FLUSH")
    held.release()
    assert [share.take(name).refused, share.take(name).refused] == [None, "at_once"]


def test_what_was_counted_though_its_answer_was_lost_is_taken_back(
    redis_process, count: Count, ticks: Clock, name
):
    with FaultyProxy(redis_process.path) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}?socket_timeout=20"
        share = count(url).share("workspace", 2, 1)
        share.take(name).release()
        proxy.cut_after(1)
        assert share.take(name).refused == "unknown"
        assert len(keys_of(redis_process, name)) == 2  # it has a slot, and counts
        ticks.now += 1
        found = share.take(name)
        assert (found.refused, found.minute.remaining) == (None, 0)


def test_slots_that_could_not_be_given_back_come_back_with_the_server(
    redis: RedisProcess, count: Count, ticks: Clock, name
):
    share = count(redis.patient_url).share("workspace", 0, 3)
    held = [share.take(name) for _ in range(3)]
    forbid(redis)
    for one in held:
        one.release()
    permit(redis)
    assert share.take(name).refused == "unknown"  # it is not asked yet
    ticks.now += 1
    assert [share.take(name).refused for _ in range(4)] == [None, None, None, "at_once"]


def test_whoever_looks_at_the_server_gives_back_what_it_is_owed(
    redis: RedisProcess, count: Count, ticks: Clock, name
):
    backend = count(redis.patient_url)
    held = backend.share("workspace", 0, 1).take(name)
    forbid(redis)
    held.release()
    permit(redis)
    ticks.now += 1
    assert keys_of(redis, name) != []
    assert backend.check()[0]
    assert keys_of(redis, name) == []


def test_nobody_is_owed_what_its_lease_has_given_back(
    redis: RedisProcess, count: Count, ticks: Clock, name
):
    share = count(redis.patient_url).share("workspace", 0, 1)
    held = share.take(name)
    forbid(redis)
    held.release()
    permit(redis)
    ticks.now += 61
    before = calls_of(redis)["evalsha"]
    share.take(name)
    assert calls_of(redis)["evalsha"] == before + 1


@pytest.mark.skipif(
    not shutil.which("openssl"), reason="REDIS OVER TLS IS NOT TESTED: there is no openssl"
)
def test_a_server_is_asked_over_tls_and_only_if_its_certificate_is_trusted(
    start_redis, count: Count, tmp_path
):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    files = {"--tls-cert-file": "cert.pem", "--tls-key-file": "key.pem"}
    options = [part for option, file in files.items() for part in (option, str(tmp_path / file))]
    start_redis("--tls-port", port, *options, "--tls-auth-clients", "no")
    url = f"rediss://127.0.0.1:{port}?socket_timeout=20"
    trusting = count(f"{url}&ssl_ca_certs={tmp_path / 'cert.pem'}")
    assert trusting.check()[0]
    ok, detail, _ = count(url).check()
    assert not ok
    assert "SSLCertVerificationError" in detail
