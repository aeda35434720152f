"""Breakers shared by threads, what is told of them, and what they show."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.resilience.conftest import NOON, Time
from tradingkb.exceptions import CircuitOpenError
from tradingkb.resilience import Breaker, Breakers, BreakerState


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker("qdrant", monotonic=time, clock=time.of_day)


def fail(breaker: Breaker, times: int = 5, error: str = "ReadTimeout") -> None:
    for _ in range(times):
        breaker.failed(breaker.ask(), error)


def test_of_thirty_two_threads_at_a_half_open_circuit_exactly_one_goes(
    breaker: Breaker, time: Time
) -> None:
    for trip in range(5):
        fail(breaker, 1 if trip else 5)
        time.s += 30
        together = threading.Barrier(32)

        def try_it(_: int, together: threading.Barrier = together) -> int | None:
            together.wait()
            try:
                return breaker.ask()
            except CircuitOpenError:
                return None

        with ThreadPoolExecutor(32) as threads:
            went = [g for g in threads.map(try_it, range(32)) if g is not None]
        assert len(went) == 1
        breaker.given_up(went[0])
    assert breaker.state().calls["rejected"] == 5 * 31


def test_failures_of_many_threads_are_counted_once_each(breaker: Breaker) -> None:
    permits = [breaker.ask() for _ in range(32)]
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda g: breaker.failed(g, "x"), permits))
    state = breaker.state()
    assert (state.failures, state.trips, state.calls["failure"]) == (5, 1, 32)


def test_an_open_circuit_says_which_service_why_and_until_when(
    breaker: Breaker, time: Time
) -> None:
    fail(breaker)
    time.s += 10
    with pytest.raises(CircuitOpenError, match="qdrant: circuit breaker is open") as caught:
        breaker.ask()
    assert (caught.value.service, caught.value.retry_after_s) == ("qdrant", 20.0)
    assert "ReadTimeout" in str(caught.value)


def test_what_health_shows_of_a_breaker(breaker: Breaker, time: Time) -> None:
    time.s += 60
    fail(breaker, error="ConnectionRefusedError 111")
    time.s += 30
    breaker.failed(breaker.ask(), "ReadTimeout")  # the probe: it was open all the time
    time.s += 1
    assert breaker.state().to_dict() == {
        "failures": 6,
        "is_open": True,
        "state": "open",
        "in_use": True,
        "open_since": NOON.replace(minute=1),
        "last_error": "ReadTimeout",
    }
    time.s += 30
    breaker.succeeded(breaker.ask())
    shown = breaker.state().to_dict()
    assert (shown["state"], shown["failures"], shown["open_since"]) == ("closed", 0, None)
    assert shown["last_error"] == "ReadTimeout"


def test_every_call_has_one_outcome(breaker: Breaker) -> None:
    breaker.succeeded(breaker.ask())
    breaker.failed(breaker.ask(), "slow: 9.0 s", slow=True)
    fail(breaker, 4)
    with pytest.raises(CircuitOpenError):
        breaker.ask()
    state = breaker.state()
    assert state.calls == {"success": 1, "slow": 1, "failure": 4, "rejected": 1}
    assert (state.state, state.trips) == ("open", 1)


def test_a_change_of_state_is_logged_and_told_after_it(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    breakers = Breakers({"db": True}, monotonic=time, clock=time.of_day)
    told: list[BreakerState] = []
    end = breakers.subscribe(told.append)
    with caplog.at_level(logging.INFO, "tradingkb"):
        fail(breakers["db"])
        time.s += 30
        breakers["db"].succeeded(breakers["db"].ask())
        end()
        fail(breakers["db"])
    states = ["open", "half_open", "closed"]
    assert [(s.service, s.state) for s in told] == [("db", state) for state in states]
    logged: list[tuple[str, Any]] = [
        (r.getMessage(), r.__dict__["tradingkb_fields"]) for r in caplog.records
    ]
    assert [name for name, _ in logged] == [
        "circuit_opened",
        "circuit_half_open",
        "circuit_closed",
        "circuit_opened",
    ]
    assert logged[0][1] == {"service": "db", "failures": 5, "error": "ReadTimeout"}


def test_a_breaker_that_joins_is_shown_and_told_of_as_the_others(time: Time) -> None:
    breakers = Breakers({"db": True}, monotonic=time, clock=time.of_day)
    told: list[BreakerState] = []
    breakers.subscribe(told.append)
    redis = Breaker("redis", monotonic=time, clock=time.of_day)
    assert "redis" not in breakers.states()
    breakers.join(redis)
    fail(redis)
    assert [(s.service, s.state) for s in told] == [("redis", "open")]
    assert breakers.states()["redis"] == redis.state() == told[0]
    assert list(breakers) == ["db", "qdrant", "ollama", "redis"]


def test_a_service_that_is_not_used_is_closed_and_says_so(time: Time) -> None:
    states = Breakers({"db": True}, monotonic=time, clock=time.of_day).states()
    assert {name: (s.state, s.in_use) for name, s in states.items()} == {
        "db": ("closed", True),
        "qdrant": ("closed", False),
        "ollama": ("closed", False),
    }
