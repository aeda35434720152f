"""Runbook 01: what replicas admit, measured on real ones; no user of them is refused."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.client.conftest import TOKEN, listening
from tests.elsewhere import begun
from tests.forked import CONTEXT
from tests.runbooks.cells import Ran
from tests.runbooks.watched import hold_a_redis
from tradingkb.runbooks.procedures.http import ask
from tradingkb.runbooks.procedures.multi_replica import why_switch
from tradingkb.testing import RedisProcess

NAME = "01_multi_replica_check"
Check = Callable[..., Ran]


@pytest.fixture
def check(played: Check, monkeypatch: pytest.MonkeyPatch) -> Check:
    for name in ("REDIS_URL", "RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_CONCURRENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    return lambda **given: played(NAME, **given)


@pytest.fixture
def two(home: Path) -> Iterator[Callable[..., str]]:
    """Starts two replicas on the store; gives their addresses."""
    with ExitStack() as stack:

        def start(**given: Any) -> str:
            limits = {"rate_limit_per_minute": 6, "rate_limit_concurrent": 2, **given}
            urls = [stack.enter_context(listening(home, replica=f"r{n}", **limits)) for n in (1, 2)]
            return ",".join(urls)

        yield start


def limits(found: Ran, key: str) -> tuple[int, int]:
    (action,) = [one for one in found.result.actions if one.key == key]
    assert action.actual is not None, action.error
    return action.actual["effective_per_minute"], action.actual["effective_at_once"]


@pytest.mark.parametrize(
    ("replicas", "exact", "abuse", "switch"),
    [
        (1, True, True, False),
        (2, False, False, False),
        (2, True, False, True),
        (2, False, True, True),
        (3, False, False, True),
    ],
)
def test_redis_is_for_three_replicas_or_limits_that_have_to_hold(
    replicas: int, exact: bool, abuse: bool, switch: bool
):
    assert bool(why_switch(replicas, exact=exact, abuse=abuse)) is switch


def test_a_dry_run_measures_nothing_on_running_replicas(check: Check, two: Any, home: Path):
    urls = two()
    found = check(replica_urls=urls, replicas=3)
    assert found.states == {"create_workspace": "planned", "measure": "planned"}
    assert found.result.outcome == "needs_decision"
    rows = found.rows("Running replicas (n = 3)")
    assert [(row["name"], row["backend"], row["ready"]) for row in rows] == [
        ("r1", "memory", True),
        ("r2", "memory", True),
    ]
    assert "count requests in Redis" in [one.what for one in found.result.findings]
    with tkb.connect(home, progress=False) as kb:
        assert kb.workspaces()["slug"].to_list() == ["default"]
    asked = ask(urls.split(",")[0], "/metrics").body
    assert "/kb/regime" not in asked


def test_running_replicas_that_count_in_memory_admit_twice_the_limit_and_no_user_is_refused(
    check: Check, two: Any
):
    urls = two()
    found = check(replica_urls=urls, dry_run=False)
    assert found.result.outcome == "done"
    assert limits(found, "measure") == (12, 4)
    assert found.found("requests in any minute").evidence["factor"] == 2.0
    assert found.found("verified: probes").evidence["refused"] == {}
    assert found.found("memory is enough").severity == "info"
    one = urls.split(",")[0]
    body = {"workspace_id": "limit-check", "ohlcv": {}}
    assert ask(one, "/kb/regime", body).status == 429
    assert ask(one, "/kb/regime", {**body, "workspace_id": "default"}).status == 422  # not refused
    (figure,) = found.figures
    assert "n = " in figure.layout.title.text
    assert [list(bar.y) for bar in figure.data] == [[6], [12], [2], [4]]


def test_replicas_that_count_in_redis_admit_the_limit(
    check: Check, two: Any, redis_process: RedisProcess
):
    urls = two(rate_limit_backend="redis", redis_url=redis_process.patient_url)
    found = check(replica_urls=urls, dry_run=False, exact_limits=True)
    assert found.result.outcome == "done"
    assert limits(found, "measure") == (6, 2)
    assert found.found("requests are counted in Redis").severity == "info"


def test_a_workspace_that_users_ask_about_is_not_used_up(check: Check, two: Any):
    with pytest.raises(tkb.InvalidInputError, match="users ask about"):
        check(replica_urls=two(), limit_workspace="default")


def test_a_replica_that_does_not_answer_fails_the_measurement(check: Check, two: Any):
    urls = f"{two().split(',')[0]},http://127.0.0.1:9"
    found = check(replica_urls=urls, dry_run=False)
    assert found.result.outcome == "failed"
    assert found.states["measure"] == "failed"
    assert any("07_service_restart" in command for command in found.commands)


def test_a_temporary_replica_is_measured_and_nothing_is_left_behind(
    check: Check, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "tradingkb.runbooks.procedures.multi_replica_found.has_redis", lambda: False
    )
    before = sorted(path.name for path in home.iterdir())
    found = check(dry_run=False, replicas=1, per_minute=8, at_once=2)
    assert found.result.outcome == "done"
    assert found.states == {"measure_memory": "done"}
    assert limits(found, "measure_memory") == (8, 2)
    assert found.found("Redis is not measured").evidence == {"variable": "REDIS_URL"}
    assert sorted(path.name for path in home.iterdir()) == before


def test_temporary_replicas_are_planned_in_memory_and_in_redis_with_what_each_will_admit(
    check: Check, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REDIS_URL", "redis://:a-secret-password@host")
    found = check(replicas=3, per_minute=8, at_once=2)
    assert [one.expected for one in found.result.actions] == [
        {"effective_per_minute": 24, "effective_at_once": 6},
        {"effective_per_minute": 8, "effective_at_once": 2},
    ]
    assert "a-secret-password" not in found.result.model_dump_json()


def test_what_is_temporary_ends_with_who_started_it_even_when_that_is_killed(
    redis_process: RedisProcess,
):
    import redis

    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = CONTEXT.Pipe()
        process = begun(hold_a_redis, theirs, Path(folder))
        url = ours.recv()
        client = redis.Redis.from_url(url)
        assert client.ping()
        client.close()
        process.kill()
        until = time.monotonic() + 20
        while answers(url):
            assert time.monotonic() < until
            time.sleep(0.01)


def answers(url: str) -> bool:
    import redis

    client = redis.Redis.from_url(url)
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
    finally:
        client.close()
