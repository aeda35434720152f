"""Slots: never more than so many at once, and each is given back exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tradingkb.limits import MemorySlots

MOST = 3


class SlotMachine(RuleBasedStateMachine):
    """Takes and gives back in any order, some of it twice."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = MemorySlots(MOST)
        self.held: dict[str, list[Callable[[], None]]] = {}
        self.given_back: list[Callable[[], None]] = []

    @rule(name=st.sampled_from("ab"))
    def take(self, name: str) -> None:
        held = self.held.setdefault(name, [])
        release = self.slots.take(name)
        assert (release is not None) == (len(held) < MOST)
        if release is not None:
            held.append(release)

    @rule(name=st.sampled_from("ab"), place=st.integers(0, MOST - 1))
    def give_back(self, name: str, place: int) -> None:
        held = self.held.get(name, [])
        if place < len(held):
            release = held.pop(place)
            release()
            self.given_back.append(release)

    @rule(place=st.integers(0, 9))
    def give_back_again(self, place: int) -> None:
        if place < len(self.given_back):
            self.given_back[place]()

    @invariant()
    def nothing_is_kept_of_a_name_without_requests(self) -> None:
        assert self.slots.names == sum(bool(held) for held in self.held.values())


TestSlots = SlotMachine.TestCase


@given(st.integers(1, 4))
def test_threads_never_hold_more_than_there_are(most):
    slots = MemorySlots(most)
    lock = threading.Lock()
    now = peak = 0

    def work() -> None:
        nonlocal now, peak
        for _ in range(25):
            release = slots.take("a")
            if release is None:
                continue
            with lock:
                now += 1
                peak = max(peak, now)
            with lock:
                now -= 1
            release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= peak <= most
    assert slots.names == 0
