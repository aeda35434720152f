"""The rules of a circuit, beside a model that remembers everything that happened."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tradingkb.resilience.circuit import (
    Circuit,
    Thresholds,
    asked,
    failed,
    given_up,
    succeeded,
)

LIMITS = Thresholds(failures=5, reset_s=30.0)


class Model:
    """A circuit as a person would describe it: who may go, and whose word still counts."""

    def __init__(self) -> None:
        self.row = 0  # failures in a row
        self.open_since: float | None = None
        self.probe: int | None = None
        self.probe_since = 0.0
        self.counts: set[int] = set()  # calls whose end is listened to

    def may_go(self, call: int, now: float) -> bool:
        if self.open_since is None:
            self.counts.add(call)
            return True
        since = self.open_since if self.probe is None else self.probe_since
        if now - since < LIMITS.reset_s:
            return False
        self.probe, self.probe_since, self.counts = call, now, {call}
        return True

    def ended(self, call: int, how: str, now: float) -> None:
        if call not in self.counts:
            return
        self.counts.discard(call)
        probing, self.probe = self.probe is not None, None
        if how == "success":
            self.row = 0
            if probing:
                self.open_since, self.counts = None, set()
        elif how == "failure":
            self.row += 1
            if probing or self.row >= LIMITS.failures:
                self.open_since, self.counts = now, set()


class CircuitMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.model = Circuit(), Model()
        self.now, self.made = 0.0, 0

    @rule(seconds=st.sampled_from([0.5, 1.0, 14.0, 29.0, 30.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls)
    def a_call_is_wanted(self) -> tuple[int, int] | None:
        self.made += 1
        self.circuit, wait = asked(self.circuit, self.now, LIMITS)
        assert (wait is None) == self.model.may_go(self.made, self.now)
        if wait is not None:
            assert 0 < wait <= LIMITS.reset_s
            return None
        return self.made, self.circuit.generation

    @rule(call=consumes(calls), how=st.sampled_from(["success", "failure", "failure", "nothing"]))
    def a_call_ends(self, call: tuple[int, int] | None, how: str) -> None:
        if call is None:
            return
        number, generation = call
        self.model.ended(number, how, self.now)
        if how == "success":
            self.circuit = succeeded(self.circuit, generation)
        elif how == "failure":
            self.circuit = failed(self.circuit, generation, f"call {number}", self.now, LIMITS)
        else:
            self.circuit = given_up(self.circuit, generation)

    @invariant()
    def both_agree(self) -> None:
        model = self.model
        expected = "closed" if model.open_since is None else "half_open" if model.probe else "open"
        assert self.circuit.state == expected
        assert self.circuit.failures == model.row
        if model.open_since is not None:
            assert self.circuit.opened_s == model.open_since


CircuitMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestCircuit = CircuitMachine.TestCase


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for n in range(LIMITS.failures):
        circuit = failed(circuit, circuit.generation, f"error {n}", now, LIMITS)
    return circuit


def test_five_failures_in_a_row_open_a_circuit_and_the_last_one_is_kept() -> None:
    circuit = Circuit()
    for n in range(4):
        circuit = failed(circuit, 0, f"error {n}", 0.0, LIMITS)
    assert circuit.state == "closed"
    circuit = failed(circuit, 0, "the fifth", 7.0, LIMITS)
    assert (circuit.state, circuit.failures, circuit.error) == ("open", 5, "the fifth")


def test_a_circuit_is_left_alone_as_long_each_time_or_twice_as_long_up_to_a_limit() -> None:
    growing = Thresholds(failures=1, reset_s=1.0, longest_s=10.0)
    assert [growing.wait_s(n) for n in (1, 2, 3, 4, 5, 6, 10_000)] == [1, 2, 4, 8, 10, 10, 10]
    assert [LIMITS.wait_s(n) for n in (5, 6, 10_000)] == [30, 30, 30]


def test_an_open_circuit_says_for_how_long() -> None:
    assert asked(opened(), 12.5, LIMITS) == (opened(), 17.5)


def test_a_probe_that_never_ends_is_given_up_and_another_one_may_go() -> None:
    half, wait = asked(opened(), 30.0, LIMITS)
    assert (half.state, wait) == ("half_open", None)
    assert asked(half, 59.9, LIMITS)[1] is not None
    again, wait = asked(half, 60.0, LIMITS)
    assert (again.state, wait) == ("half_open", None)
    assert succeeded(again, half.generation) == again  # nobody listens to the first one any more


def test_a_late_success_of_before_does_not_close_an_open_circuit() -> None:
    circuit = opened()
    assert succeeded(circuit, 0) == circuit
    half, _ = asked(circuit, 30.0, LIMITS)
    assert succeeded(half, 0) == half
