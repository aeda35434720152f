"""What a deployment admits is found by asking it until it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.limits import WorkspaceLimits
from tradingkb.limits.share import MemoryShare
from tradingkb.runbooks.procedures.http import Answer
from tradingkb.runbooks.procedures.limits_measured import configured, fate, measured

URLS = ("http://one:1", "http://two:2")


class Replicas:
    """Replicas that count as the service does; who is admitted stays until all others have come."""

    def __init__(self, per_minute: int, at_once: int, *, together: bool) -> None:
        shared = MemoryShare(per_minute, at_once, lambda: 0.0) if together else None
        self.limits = {
            url: WorkspaceLimits(per_minute, at_once, lambda: 0.0, share=shared) for url in URLS
        }
        self.inside = threading.Semaphore(0)
        self.alone = True

    def __call__(self, url: str) -> Answer:
        admission = self.limits[url].admit("x")
        headers = {name.lower(): value for name, value in admission.headers().items()}
        if admission.ok and threading.current_thread() is not threading.main_thread():
            threading.Event().wait(0.02)
        admission.release()
        return Answer(200 if admission.ok else 429, {}, headers, 0.001)


@pytest.mark.parametrize(("together", "times"), [(False, 2), (True, 1)])
def test_replicas_that_count_for_themselves_admit_twice_as_much_as_those_that_count_together(
    together: bool, times: int
):
    found = measured(URLS, 2, Replicas(30, 3, together=together), most=500)
    assert (found.configured_per_minute, found.effective_per_minute) == (30, 30 * times)
    assert (found.configured_at_once, found.effective_at_once) == (3, 3 * times)
    assert found.note == ""
    assert found.requests - found.refused == 30 * times


def test_a_limit_that_is_too_high_to_be_reached_is_not_measured():
    found = measured(URLS, 2, Replicas(10_000, 0, together=False), most=100)
    assert (found.configured_per_minute, found.effective_per_minute) == (10_000, None)
    assert "10000 are too many to reach with 100 requests" in found.note
    assert "at once: there is no limit" in found.note
    assert found.requests == 1


def test_a_measurement_that_takes_longer_than_the_minute_says_so():
    seconds = iter((0.0, 61.0))
    replicas = Replicas(5, 0, together=False)
    found = measured(URLS, 2, replicas, most=100, monotonic=lambda: next(seconds))
    assert found.effective_per_minute is None
    assert "took 61 s" in found.note


def test_what_is_refused_for_another_reason_ends_it():
    def refusing(status: int) -> Callable[[str], Answer]:
        return lambda _: Answer(status, {"detail": "no"})

    with pytest.raises(InvalidInputError, match="no"):
        measured(URLS, 2, refusing(404), most=10)
    with pytest.raises(BackendUnavailableError, match="no"):
        measured(URLS, 2, refusing(503), most=10)
    with pytest.raises(InvalidInputError, match="before the service"):
        fate(Answer(429, {}))


def test_the_limits_are_those_that_answers_name():
    policy = '"workspace";q=30;w=60, "workspace-concurrent";q=2;qu="concurrent-requests"'
    named = configured(Answer(200, {}, {"ratelimit-policy": policy}))
    assert named == {"per_minute": 30, "at_once": 2}
    assert configured(Answer(200)) == {"per_minute": None, "at_once": None}
