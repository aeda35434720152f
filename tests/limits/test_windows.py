"""Windows: never more than so many in any minute, and nothing is kept of who asks no more."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.limits import MemoryWindows

#: Names and seconds since the request before.
requests = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0, 45) | st.sampled_from([0.0, 15.0, 30.0, 60.0])),
    max_size=80,
)


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@given(requests, st.integers(1, 5))
def test_no_minute_holds_more_than_the_limit_and_none_is_refused_below_it(asked, most):
    clock = Clock()
    windows = MemoryWindows(most, clock)
    admitted: dict[str, list[float]] = {name: [] for name in "abc"}
    for name, later in asked:
        clock.now += later
        recent = [at for at in admitted[name] if at + 60 > clock.now]
        take = windows.take(name)
        assert take.ok == (len(recent) < most)
        if take.ok:
            admitted[name].append(clock.now)
        counted = [at for at in admitted[name] if at + 60 > clock.now]
        assert take.remaining == most - len(counted)
        assert take.more_in_s == pytest.approx(counted[0] + 60 - clock.now)


def test_the_window_moves_instead_of_starting_anew_each_minute():
    clock = Clock(0.0)
    windows = MemoryWindows(2, clock)
    found = []
    for second in (0, 50, 59, 60, 61, 110, 111):
        clock.now = float(second)
        found.append((second, windows.take("a").ok))
    assert found == [
        (0, True),
        (50, True),
        (59, False),
        (60, True),  # the one of second 0 has left
        (61, False),
        (110, True),
        (111, False),
    ]


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 30)), min_size=1, max_size=200))
def test_only_names_of_the_last_minute_are_remembered(asked):
    clock = Clock()
    windows = MemoryWindows(3, clock)
    last: dict[int, float] = {}
    for name, later in asked:
        clock.now += later
        if windows.take(str(name)).ok:
            last[name] = clock.now
        assert windows.names == sum(at + 60 > clock.now for at in last.values())


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_threads_that_ask_at_once_get_exactly_what_there_is():
    for _ in range(30):
        windows = MemoryWindows(5, Clock())
        start = threading.Barrier(8)
        found: list[bool] = []

        def ask(windows=windows, start=start, found=found) -> None:
            start.wait()
            found.extend(windows.take("a").ok for _ in range(4))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (found.count(True), len(found)) == (5, 32)
