"""Limits that are counted in Redis: what a client is told, and what watches the service sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.redis_servers import StartRedis
from tests.service.conftest import ADMIN, Serve
from tradingkb.exceptions import ConfigurationError
from tradingkb.testing import RedisProcess
from tradingkb.testing.faults import FaultyServer, hanging

LIST = "/kb/objectives"
ASK = "/kb/trials/recommend"


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def redis(start_redis: StartRedis) -> RedisProcess:
    """A server that a test may stop."""
    return start_redis()


@pytest.fixture
def counted(serve: Serve, kept_home: Path, now: list[float]) -> Any:
    """Starts services whose workspaces may read three lists a minute, and two at once."""

    def start(url: str, fail: str = "open", **given: Any) -> TestClient:
        limits = {"rate_limit_reads_per_minute": 3, "rate_limit_reads_concurrent": 2}
        where = {"rate_limit_backend": "redis", "redis_url": url, "rate_limit_fail": fail}
        return serve(kept_home, monotonic=lambda: now[0], **{**limits, **where, **given})

    return start


@pytest.fixture
def hung() -> Iterator[FaultyServer]:
    with FaultyServer(hanging()) as server:
        yield server


def limits_of(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/ready")
    return answer.status_code, answer.json()["checks"]["rate_limits"]


def test_two_services_share_a_minute_and_say_what_is_left_of_it(counted, redis: RedisProcess):
    one, other = counted(redis.patient_url), counted(redis.patient_url)
    answers = [client.get(LIST) for client in (one, other, other, one)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["ratelimit"] for a in answers] == [
        *(f'"workspace-reads";r={left};t=60' for left in (2, 1, 0)),
        f'"workspace-reads";r=0;t={answers[-1].headers["retry-after"]}',
    ]
    assert 58 <= int(answers[-1].headers["retry-after"]) <= 61
    policy = '"workspace-reads";q=3;w=60, "workspace-reads-concurrent";q=2;qu="concurrent-requests"'
    assert {a.headers["ratelimit-policy"] for a in answers} == {policy}
    status, check = limits_of(one)
    assert (status, check["ok"], check["backend"]) == (200, True, "redis")


def test_without_redis_each_service_counts_for_itself_and_says_so(
    counted, redis: RedisProcess, now: list[float]
):
    one, other = counted(redis.patient_url), counted(redis.patient_url)
    redis.kill()
    for client in (one, other):
        answers = [client.get(LIST) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit"] == '"workspace-reads";r=2;t=60'
        status, check = limits_of(client)
        assert (status, check["ok"], check["fail"]) == (200, True, "open")
        assert "each replica counts for itself" in check["detail"]
        assert 'circuit_breaker_state{service="redis"} 1.0' in client.get("/metrics").text
    redis.start()
    now[0] += 1
    assert [client.get(LIST).status_code for client in (one, other) * 2] == [200, 200, 200, 429]
    assert 'circuit_breaker_state{service="redis"} 0.0' in one.get("/metrics").text


def test_a_redis_that_does_not_count_is_seen_wherever_circuits_are(counted, redis: RedisProcess):
    client = counted(redis.patient_url, rate_limit_reads_per_minute=0)

    def health() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/health").json()
        return found

    def written(path: str) -> set[tuple[str, str]]:
        rows = client.get(path, headers=ADMIN).json()["rows"]
        return {(row["service"], row["state"]) for row in rows}

    def await_written(row: tuple[str, str], path: str) -> None:
        deadline = time.monotonic() + 5
        while row not in written(path):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert health()["status"] == "ok"
    assert health()["circuit_breakers"]["redis"]["is_open"] is False
    await_written(("redis", "closed"), "/kb/breakers")
    redis.kill()
    assert client.get(LIST).status_code == 200
    assert health()["status"] == "degraded"
    assert [n for n, b in health()["circuit_breakers"].items() if b["is_open"]] == ["redis"]
    await_written(("redis", "open"), "/kb/breakers")
    await_written(("redis", "open"), "/kb/breakers/changes")


def test_without_redis_questions_are_refused_where_that_is_wanted(
    counted, redis: RedisProcess, now: list[float], question: dict[str, Any]
):
    client = counted(redis.patient_url, "closed", rate_limit_per_minute=3)
    redis.kill()
    for _ in range(3):
        answer = client.post(ASK, json=question)
        assert (answer.status_code, answer.json()["code"]) == (503, "rate_limits_unavailable")
        assert answer.headers.get_list("retry-after") == ["1"]
        assert answer.headers["ratelimit-policy"].startswith('"workspace";q=3;w=60')
        assert "ratelimit" not in answer.headers  # nobody knows
        assert client.post(ASK, json=question, headers=ADMIN).status_code == 200
    status, check = limits_of(client)
    assert (status, check["ok"]) == (503, False)
    assert "requests are refused but for lists and reports" in check["detail"]
    assert "RATE_LIMIT_FAIL=closed" in check["detail"]
    assert client.get("/health").status_code == client.get("/metrics").status_code == 200
    redis.start()
    now[0] += 1
    assert limits_of(client)[0] == 200  # whoever watches brings it back
    assert client.post(ASK, json=question).status_code == 200


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_reports_are_read_while_redis_is_away_and_counted_in_memory(
    counted, redis: RedisProcess, fail: str
):
    client = counted(redis.patient_url, fail, rate_limit_reads_per_minute=6)
    redis.kill()
    reports = ("problems", "breakers", "breakers/changes", "events/rates", "changes")
    assert [client.get(f"/kb/{name}").status_code for name in reports] == [200] * 5
    # Those of the whole service are counted by themselves.
    assert [client.get(LIST).status_code for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_health_and_metrics_ask_no_redis_and_ready_waits_for_it_once(
    counted, hung: FaultyServer, fail: str
):
    client = counted(f"redis://127.0.0.1:{hung.port}", fail)
    for _ in range(3):
        assert client.get("/health").status_code == client.get("/metrics").status_code == 200
        assert client.get(LIST, headers=ADMIN).status_code == 200
    assert hung.accepted == 0
    assert [limits_of(client)[0] for _ in range(3)] == [200 if fail == "open" else 503] * 3
    assert hung.accepted == 1


def test_nothing_is_told_of_where_redis_is(counted, hung: FaultyServer):
    hung.refuse()
    client = counted(f"redis://ada:s3cret-of-redis@127.0.0.1:{hung.port}", "closed")
    text = client.get(LIST).text + client.get("/ready").text + client.get("/metrics").text
    for told in ("s3cret", "ada", "127.0.0.1", str(hung.port)):
        assert told not in text


def test_a_service_that_cannot_know_where_to_count_does_not_start(serve: Serve):
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        serve(rate_limit_backend="redis")


def test_a_service_says_that_it_counts_in_memory(served: TestClient):
    status, check = limits_of(served)
    assert (status, check["ok"], check["backend"]) == (200, True, "memory")


def test_limits_are_looked_at_before_the_database_has_answered(counted, redis: RedisProcess):
    client = counted(redis.patient_url)
    opened = client.app.state.service.opened
    kept = opened.pop()
    found = client.get("/ready")
    opened.append(kept)
    assert found.status_code == 503
    checks = {name: check["ok"] for name, check in found.json()["checks"].items()}
    assert checks == {"database": False, "rate_limits": True}
