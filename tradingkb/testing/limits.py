"""What every `Share` must do, wherever it counts."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradingkb.limits import Share

#: A share by its limits per minute and at once.
Make = Callable[[int, int], Share]
#: Lets so many seconds pass.
Later = Callable[[float], None]
#: Names are new in each example, and no example is kept for another subclass.
_FOR_SUITES = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
#: Steps of workspaces: one asks, the nth of what it holds ends (twice), or time passes. No two
#: steps are nearly a minute apart: a server's clock goes on meanwhile.
_STEPS = st.lists(
    st.tuples(st.just("take"), st.sampled_from("ab"))
    | st.tuples(st.just("end"), st.integers(0, 3))
    | st.tuples(st.just("wait"), st.sampled_from([25, 40, 61])),
    max_size=30,
)


class ShareContract:
    """Subclass it, and give fixtures `make` and `later`."""

    @pytest.fixture
    def make(self) -> Make:
        """Makes shares; those of the same limits may have something in common, by name."""
        raise NotImplementedError

    @pytest.fixture
    def later(self) -> Later:
        """Lets time pass, for all shares that were made."""
        raise NotImplementedError

    @settings(suppress_health_check=_FOR_SUITES, max_examples=40)
    @given(_STEPS, st.integers(0, 3), st.integers(0, 2))
    def test_whatever_happens_exactly_the_limits_are_admitted(
        self, make: Make, later: Later, steps: list[tuple[str, int | str]], minute: int, once: int
    ) -> None:
        share, run = make(minute, once), uuid.uuid4().hex
        now, counted, held = (
            0,
            dict[str, list[int]](a=[], b=[]),
            list[tuple[str, Callable[[], None]]](),
        )
        for step, what in steps:
            if step == "wait":
                later(int(what))
                now += int(what)
            elif step == "end" and int(what) < len(held):
                _, release = held.pop(int(what))
                release()
                release()
            elif step == "take":
                name = str(what)
                recent = [at for at in counted[name] if at + 60 > now]
                in_flight = sum(holder == name for holder, _ in held)
                found = share.take(f"{run}-{name}")
                if once and in_flight == once:
                    assert (found.refused, found.minute) == ("at_once", None)
                    continue
                assert found.refused == ("per_minute" if minute and len(recent) == minute else None)
                if found.refused is None:
                    counted[name], recent = [*counted[name], now], [*recent, now]
                    held.append((name, found.release))
                assert (found.minute is None) == (not minute)
                if found.minute is not None:
                    left = minute - len(recent)
                    assert (found.minute.ok, found.minute.remaining) == (not found.refused, left)
                    # A server's clock has gone on by as long as this test took.
                    assert found.minute.more_in_s == pytest.approx(recent[0] + 60 - now, abs=5)

    def test_a_refused_request_counts_neither_in_the_minute_nor_at_once(self, make: Make) -> None:
        share, name = make(2, 1), uuid.uuid4().hex
        held = share.take(name)
        assert [share.take(name).refused for _ in range(3)] == ["at_once"] * 3
        held.release()
        share.take(name).release()
        refused = [share.take(name) for _ in range(3)]
        assert [one.refused for one in refused] == ["per_minute"] * 3
        refused[0].release()  # does no harm

    def test_threads_that_ask_at_once_get_exactly_what_there_is(self, make: Make) -> None:
        share, name = make(20, 3), uuid.uuid4().hex
        start, lock = threading.Barrier(6), threading.Lock()
        admitted = now = peak = 0

        def ask() -> None:
            nonlocal admitted, now, peak
            start.wait()
            for _ in range(10):
                found = share.take(name)
                if found.refused is not None:
                    continue
                with lock:
                    admitted, now, peak = admitted + 1, now + 1, max(peak, now + 1)
                with lock:
                    now -= 1
                found.release()

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert peak <= 3
        while (found := share.take(name)).refused is None:
            admitted += 1
            found.release()
        assert (admitted, found.refused) == (20, "per_minute")
        assert [share.take(f"{name} another").refused for _ in range(4)] == [
            None,
            None,
            None,
            "at_once",
        ]
