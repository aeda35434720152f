"""A circuit breaker as values and rules: state and event in, state out, the time an argument.

Closed: calls pass, and failures in a row are counted. Open: none passes for a while. Half open: one
call is let through, and its end decides. Each change of state begins a new generation: what calls
of an earlier one have to tell is of the past and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

StateName = Literal["closed", "open", "half_open"]
#: What is said to callers while another one is let through: it mostly ends within this time.
_PROBE_S: Final = 1.0


@dataclass(frozen=True)
class Thresholds:
    """When a circuit opens, and for how long.

    Attributes:
        failures: in a row, after which it opens.
        reset_s: seconds after which one call is let through; one that has not ended for as long
            again is given up, and another may go.
        longest_s: seconds that `reset_s` grows to, doubled by each such call that fails, too; 0
            where it stays as it is.
    """

    failures: int = 5
    reset_s: float = 30.0
    longest_s: float = 0.0

    def wait_s(self, failures: int) -> float:
        """Seconds for which a circuit is left alone after so many failures in a row."""
        doubled = self.reset_s * 2.0 ** min(max(failures - self.failures, 0), 30)
        return max(self.reset_s, min(doubled, self.longest_s))


@dataclass(frozen=True)
class Circuit:
    """A circuit as it is now.

    Attributes:
        state: see above.
        failures: in a row.
        generation: counts the changes of state.
        opened_s: when it opened, while it is not closed.
        probe_s: when a call was let through, while it is half open.
        error: the last failure; while it is not closed, the one that opened it.
    """

    state: StateName = "closed"
    failures: int = 0
    generation: int = 0
    opened_s: float = 0.0
    probe_s: float = 0.0
    error: str | None = None


def asked(circuit: Circuit, now: float, limits: Thresholds) -> tuple[Circuit, float | None]:
    """A call asks to be let through.

    Returns:
        The circuit, and None where the call may go, else for how many seconds it should not.
    """
    if circuit.state == "closed":
        return circuit, None
    since = circuit.opened_s if circuit.state == "open" else circuit.probe_s
    left = limits.wait_s(circuit.failures) - (now - since)
    if left > 0:
        return circuit, left if circuit.state == "open" else min(left, _PROBE_S)
    next_one = circuit.generation + 1
    return replace(circuit, state="half_open", generation=next_one, probe_s=now), None


def succeeded(circuit: Circuit, generation: int) -> Circuit:
    """A call of a generation was answered."""
    if generation != circuit.generation:
        return circuit
    if circuit.state == "closed":
        return circuit if not circuit.failures else replace(circuit, failures=0)
    return replace(circuit, state="closed", generation=generation + 1, failures=0)


def failed(
    circuit: Circuit, generation: int, error: str, now: float, limits: Thresholds
) -> Circuit:
    """A call of a generation was not answered, however often it was tried."""
    if generation != circuit.generation:
        return circuit
    counted = replace(circuit, failures=circuit.failures + 1, error=error)
    if circuit.state == "closed" and counted.failures < limits.failures:
        return counted
    return replace(counted, state="open", generation=generation + 1, opened_s=now)


def given_up(circuit: Circuit, generation: int) -> Circuit:
    """A call of a generation ended without saying anything of the service: another may go."""
    if generation != circuit.generation or circuit.state == "closed":
        return circuit
    return replace(circuit, state="open", generation=generation + 1)
