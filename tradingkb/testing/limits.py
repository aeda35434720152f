"""What every `Share` must do, wherever it counts."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradingkb.limits import Counted, Share

#: A share by its limits per minute and at once.
Make = Callable[[int, int], Share]
#: Lets so many seconds pass.
Later = Callable[[float], None]
#: Names are new in each example, and no example is kept for another subclass.
_FOR_SUITES = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
#: What happens, and to which workspace, to which request, or for how many seconds.
Step = tuple[str, str | int]
#: Steps of workspaces: one asks, one of the requests ends, or time passes. No two steps are nearly
#: a minute apart: a server's clock goes on meanwhile.
_STEPS = st.lists(
    st.tuples(st.just("take"), st.sampled_from("ab"))
    | st.tuples(st.just("end"), st.integers(0, 3))
    | st.tuples(st.just("wait"), st.sampled_from([25, 40, 61])),
    max_size=30,
)


class _Ledger:
    """Remembers everything, and says what each request has to be told."""

    def __init__(self, per_minute: int, concurrent: int) -> None:
        self.now = 0
        self._limits = (per_minute, concurrent)
        self._counted: list[tuple[str, int]] = []
        self._held: list[tuple[str, Callable[[], None]]] = []

    def end(self, number: int) -> None:
        """The request of that number, if there is one, ends, and says so twice."""
        if number < len(self._held):
            _, release = self._held.pop(number)
            release()
            release()

    def compare(self, name: str, found: Counted) -> None:
        """A request of the name was told this."""
        (per_minute, concurrent), before = self._limits, len(self._minute(name))
        if concurrent and sum(holder == name for holder, _ in self._held) == concurrent:
            assert (found.refused, found.minute) == ("at_once", None)
            return
        assert found.refused == ("per_minute" if per_minute and before == per_minute else None)
        if found.refused is None:
            self._counted.append((name, self.now))
            self._held.append((name, found.release))
        assert (found.minute is None) == (not per_minute)
        if found.minute is not None:
            minute = self._minute(name)
            assert found.minute.ok == (found.refused is None)
            assert found.minute.remaining == per_minute - len(minute)
            # A server's clock has gone on by as long as this test took.
            assert found.minute.more_in_s == pytest.approx(minute[0] + 60 - self.now, abs=5)

    def _minute(self, name: str) -> list[int]:
        return [at for who, at in self._counted if who == name and at + 60 > self.now]


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
        self, make: Make, later: Later, steps: list[Step], per_minute: int, concurrent: int
    ) -> None:
        share, run = make(per_minute, concurrent), uuid.uuid4().hex
        ledger = _Ledger(per_minute, concurrent)
        for step, what in steps:
            if step == "wait":
                later(int(what))
                ledger.now += int(what)
            elif step == "end":
                ledger.end(int(what))
            else:
                ledger.compare(str(what), share.take(f"{run}-{what}"))

    def test_the_minute_moves_instead_of_starting_anew(self, make: Make, later: Later) -> None:
        share, name = make(2, 0), uuid.uuid4().hex
        found = []
        for wait in (0, 40, 15, 6, 34, 6):  # at 0, 40, 55, 61, 95 and 101 seconds
            later(wait)
            found.append(share.take(name).refused)
        assert found == [None, None, "per_minute", None, "per_minute", None]

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
