"""A workspace's requests are admitted or refused, and its client is told how to go on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.limits import READS, Admission, Counted, MemoryShare, WorkspaceLimits


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def ask(limits: WorkspaceLimits, name: str = "desk") -> Admission:
    """A request that has ended."""
    admission = limits.admit(name)
    admission.release()
    return admission


def test_an_admitted_request_is_told_what_is_left():
    clock = Clock()
    limits = WorkspaceLimits(30, 2, clock)
    assert limits.admit("desk").headers() == {
        "RateLimit-Policy": '"workspace";q=30;w=60, '
        '"workspace-concurrent";q=2;qu="concurrent-requests"',
        "RateLimit": '"workspace";r=29;t=60',
    }
    clock.now = 47.5
    assert limits.admit("desk").headers()["RateLimit"] == '"workspace";r=28;t=13'


def test_a_request_above_the_limit_per_minute_is_told_when_to_come_back():
    clock = Clock()
    limits = WorkspaceLimits(2, 0, clock)
    ask(limits)
    clock.now = 20.25
    ask(limits)
    refused = ask(limits)
    assert (refused.ok, refused.violated, refused.retry_after_s) == (False, "workspace", 40)
    assert refused.headers() == {
        "RateLimit-Policy": '"workspace";q=2;w=60',
        "RateLimit": '"workspace";r=0;t=40',
        "Retry-After": "40",
    }


def test_a_request_above_the_limit_at_once_is_refused_until_one_has_ended():
    limits = WorkspaceLimits(0, 2, Clock())
    first, second, third = (limits.admit("desk") for _ in range(3))
    assert [a.ok for a in (first, second, third)] == [True, True, False]
    policy = '"workspace-concurrent";q=2;qu="concurrent-requests"'
    assert first.headers() == {"RateLimit-Policy": policy}
    assert third.violated == "workspace-concurrent"
    assert third.headers() == {
        "RateLimit-Policy": '"workspace-concurrent";q=2;qu="concurrent-requests"',
        "RateLimit": '"workspace-concurrent";r=0;t=1',
        "Retry-After": "1",
    }
    third.release()
    assert not limits.admit("desk").ok
    second.release()
    second.release()
    assert [limits.admit("desk").ok for _ in range(2)] == [True, False]


@pytest.mark.parametrize(("per_minute", "concurrent", "admitted"), [(3, 0, 3), (0, 2, 2)])
def test_services_that_share_what_counts_share_the_limit_that_is_set(
    per_minute, concurrent, admitted
):
    share = MemoryShare(per_minute, concurrent, Clock())
    one, other = (WorkspaceLimits(per_minute, concurrent, share=share) for _ in range(2))
    found = [limits.admit("desk").ok for limits in (one, other, other, one, other)]
    assert found == [True] * admitted + [False] * (5 - admitted)


def test_workspaces_do_not_take_from_each_other():
    limits = WorkspaceLimits(1, 1, Clock())
    assert [limits.admit(name).ok for name in ("a", "b", "a", "b")] == [True, True, False, False]


def test_a_limit_of_zero_is_none():
    limits = WorkspaceLimits(0, 0, Clock())
    found = [limits.admit("desk") for _ in range(1000)]
    assert {(a.ok, tuple(a.headers())) for a in found} == {(True, ())}


def test_a_refused_request_counts_neither_in_the_minute_nor_at_once():
    clock = Clock()
    limits = WorkspaceLimits(2, 1, clock)
    held = limits.admit("desk")
    assert [limits.admit("desk").violated for _ in range(5)] == ["workspace-concurrent"] * 5
    held.release()
    assert ask(limits).ok
    assert [ask(limits).violated for _ in range(5)] == ["workspace"] * 5
    clock.now = 60.0
    assert [ask(limits).ok for _ in range(3)] == [True, True, False]


@given(st.floats(0, 1e7), st.lists(st.floats(0, 40), min_size=1, max_size=60), st.integers(1, 4))
def test_who_waits_as_long_as_told_is_admitted(start, pauses, most):
    clock = Clock(start)
    limits = WorkspaceLimits(most, 1, clock)
    for pause in pauses:
        clock.now += pause
        admission = ask(limits)
        if not admission.ok:
            assert 1 <= (admission.retry_after_s or 0) <= 61
            clock.now += admission.retry_after_s or 0
            assert ask(limits).ok


@pytest.mark.parametrize(("per_minute", "concurrent"), [(30, 0), (30, 2), (0, 2)])
def test_retry_after_is_never_earlier_than_what_ratelimit_says(per_minute, concurrent):
    limits = WorkspaceLimits(per_minute, concurrent, Clock(5.5))
    refused = next(a for a in (limits.admit("desk") for _ in range(40)) if not a.ok)
    told = refused.headers()
    assert told["RateLimit"].endswith(f";t={told['Retry-After']}")


def test_another_name_is_that_of_both_policies_and_of_what_is_left():
    limits = WorkspaceLimits(2, 1, lambda: 0.0, name=READS)
    first = limits.admit("desk")
    assert first.headers() == {
        "RateLimit-Policy": '"workspace-reads";q=2;w=60, '
        '"workspace-reads-concurrent";q=1;qu="concurrent-requests"',
        "RateLimit": '"workspace-reads";r=1;t=60',
    }
    assert limits.admit("desk").violated == "workspace-reads-concurrent"


class Unanswered:
    """What counts does not answer, and is asked again in so many seconds."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s

    def take(self, name: str) -> Counted:
        return Counted("unknown", wait_s=self.wait_s)


@pytest.mark.parametrize(("wait_s", "told"), [(0.01, 1), (1.0, 1), (3.2, 4), (10.0, 10)])
def test_who_cannot_be_counted_is_told_when_what_counts_is_asked_again(wait_s, told):
    limits = WorkspaceLimits(2, 1, share=Unanswered(wait_s))
    refused = limits.admit("desk")
    assert (refused.ok, refused.violated, refused.retry_after_s) == (False, None, told)
    assert refused.headers() == {
        "RateLimit-Policy": '"workspace";q=2;w=60, '
        '"workspace-concurrent";q=1;qu="concurrent-requests"',
        "Retry-After": str(told),
    }
    refused.release()
