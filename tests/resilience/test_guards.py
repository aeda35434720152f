"""Guards: retries inside a breaker, and totals."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import stamina

from tests.resilience.conftest import Time
from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    EmptyCollectionError,
)
from tradingkb.ports import patience
from tradingkb.resilience import Breaker, Guard, Policy

DOWN = BackendUnavailableError("it did not answer")


class Service:
    """Raises what it is told, then answers; takes the time that it is told."""

    def __init__(self, time: Time, *raises: Exception, takes_s: float = 0.0) -> None:
        self.time, self.raises, self.takes_s = time, list(raises), takes_s
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        self.time.s += self.takes_s
        if self.raises:
            raise self.raises.pop(0)
        return "answer"


@pytest.fixture
def guard(time: Time) -> Guard:
    breaker = Breaker("qdrant", monotonic=time, clock=time.of_day)
    return Guard(breaker, Policy(total_s=10.0), monotonic=time, chance=lambda: 0.0)


def outcome(guard: Guard, ask: Callable[[], str]) -> type[BaseException] | str:
    try:
        return guard.call(ask)
    except Exception as error:
        return type(error)


def test_what_is_transient_is_tried_three_times_in_all(guard: Guard, time: Time) -> None:
    service = Service(time, DOWN, DOWN)
    assert (outcome(guard, service), service.calls) == ("answer", 3)
    service = Service(time, DOWN, DOWN, DOWN)
    assert (outcome(guard, service), service.calls) == (BackendUnavailableError, 3)
    assert guard.breaker.state().retries == 4


def test_a_call_that_used_up_its_attempts_is_one_failure(guard: Guard, time: Time) -> None:
    for n in range(1, 6):
        assert outcome(guard, Service(time, DOWN, DOWN, DOWN)) is BackendUnavailableError
        assert guard.breaker.state().failures == n
    service = Service(time)
    assert (outcome(guard, service), service.calls) == (CircuitOpenError, 0)


@pytest.mark.parametrize("error", [ConfigurationError("no access"), EmptyCollectionError("none")])
def test_another_error_is_an_answer_of_a_living_service(
    guard: Guard, time: Time, error: Exception
) -> None:
    outcome(guard, Service(time, DOWN, DOWN, DOWN))
    service = Service(time, error)
    assert (outcome(guard, service), service.calls) == (type(error), 1)
    assert guard.breaker.state().failures == 0


def test_a_bug_says_nothing_of_the_service(guard: Guard, time: Time) -> None:
    outcome(guard, Service(time, DOWN, DOWN, DOWN))
    assert outcome(guard, Service(time, ZeroDivisionError())) is ZeroDivisionError
    assert guard.breaker.state().failures == 1


def test_a_text_never_makes_an_error_transient(guard: Guard, time: Time) -> None:
    for error in (ValueError("connection reset by peer"), ConfigurationError("timeout")):
        service = Service(time, error)
        outcome(guard, service)
        assert service.calls == 1


@pytest.mark.parametrize(("takes_s", "slow"), [(8.0, 0), (8.1, 1)])
def test_an_answer_after_more_than_80_percent_of_the_time_is_a_failure(
    guard: Guard, time: Time, takes_s: float, slow: int
) -> None:
    assert outcome(guard, Service(time, takes_s=takes_s)) == "answer"
    assert guard.breaker.state().calls["slow"] == slow
    assert guard.breaker.state().failures == slow


def test_bulk_work_may_take_long_and_is_not_slow(guard: Guard, time: Time) -> None:
    guard.call(Service(time, takes_s=60.0), bulk=True)
    assert guard.breaker.state().calls["success"] == 1


def test_to_be_late_behind_bulk_work_of_ours_says_nothing_of_a_service_that_queues(
    time: Time,
) -> None:
    breaker = Breaker("ollama", monotonic=time, clock=time.of_day)
    guard = Guard(breaker, Policy(total_s=5.0, attempts=1, queues=True), monotonic=time)

    def batch() -> str:
        for takes_s in (5.0, 4.5, 5.0, 4.5, 5.0, 5.0):  # as long as questions are waited for
            late = Service(time, *([DOWN] if takes_s == 5.0 else []), takes_s=takes_s)
            assert outcome(guard, late) == (BackendUnavailableError if takes_s == 5.0 else "answer")
        return "vectors"

    assert guard.call(batch, bulk=True) == "vectors"
    assert (breaker.state().state, breaker.state().failures) == ("closed", 0)


def test_what_fails_at_once_beside_bulk_work_or_late_without_it_still_counts(time: Time) -> None:
    breaker = Breaker("ollama", monotonic=time, clock=time.of_day)
    guard = Guard(breaker, Policy(total_s=5.0, attempts=1, queues=True), monotonic=time)

    def batch() -> str:
        outcome(guard, Service(time, DOWN, takes_s=1.0))
        assert breaker.state().failures == 1
        raise DOWN

    with pytest.raises(BackendUnavailableError):
        guard.call(batch, bulk=True)
    failures = breaker.state().failures
    time.s += 1.0
    outcome(guard, Service(time, DOWN, takes_s=5.0))
    assert breaker.state().failures == failures + 1


def test_a_call_that_has_used_up_its_time_is_not_tried_again(guard: Guard, time: Time) -> None:
    service = Service(time, DOWN, DOWN, takes_s=4.6)
    assert (outcome(guard, service), service.calls) == (BackendUnavailableError, 2)


def test_a_caller_without_time_is_no_failure_of_the_service(guard: Guard, time: Time) -> None:
    for takes_s in (0.0, 4.9):
        with patience(0.0):
            assert outcome(guard, Service(time, DOWN, takes_s=takes_s)) is BackendUnavailableError
    assert guard.breaker.state().failures == 0
    with patience(0.0):  # half of the time of a call is enough to judge by
        outcome(guard, Service(time, DOWN, takes_s=5.0))
    assert guard.breaker.state().failures == 1


def test_waits_double_up_to_a_limit_and_jitter_only_lengthens_them() -> None:
    policy = Policy(total_s=10.0)
    assert [policy.wait(n, 0.0) for n in range(1, 8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert policy.wait(1, 0.999) == pytest.approx(0.75, abs=0.001)


def test_each_retry_is_logged_under_its_service_and_nowhere_else(
    guard: Guard,
    time: Time,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome(guard, Service(time, DOWN, DOWN))
    assert [r.getMessage() for r in caplog.records] == ["qdrant_retry", "qdrant_retry"]
    fields = [r.__dict__["tradingkb_fields"] for r in caplog.records]
    assert fields == [
        {"attempt": 1, "wait_s": 0.5, "error": "it did not answer"},
        {"attempt": 2, "wait_s": 1.0, "error": "it did not answer"},
    ]
    assert capfd.readouterr() == ("", "")


def test_hooks_of_others_hear_of_their_own_retries(guard: Guard, time: Time) -> None:
    from stamina.instrumentation import set_on_retry_hooks

    from tradingkb.resilience import retries

    told: list[str] = []
    set_on_retry_hooks([lambda details: told.append(details.name)])
    retries._quiet_hooks.cache_clear()
    try:
        outcome(guard, Service(time, DOWN))
        assert told == []
        service = Service(time, DOWN)
        for attempt in stamina.retry_context(on=BackendUnavailableError):
            with attempt:
                service()
        assert len(told) == 1
    finally:
        set_on_retry_hooks(None)
        retries._quiet_hooks.cache_clear()
