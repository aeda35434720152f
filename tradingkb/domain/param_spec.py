"""What one parameter of a strategy may be: its type, bounds, step, choices and default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeGuard

from tradingkb.exceptions import InvalidSpecError

ParamValue = int | float | bool | str | None
Params = Mapping[str, ParamValue]
ParamType = Literal["int", "float", "categorical", "bool"]
#: Beyond so many steps a float cannot tell two places of the grid apart.
_MOST_STEPS: Final = 1e9
PARAM_TYPES: Final = ("int", "float", "categorical", "bool")


@dataclass(frozen=True)
class ParamSpec:
    """One parameter: its type and the values it may take.

    Attributes:
        name: the key in a trial's `params`.
        type: "int", "float", "bool" or "categorical" (the last needs `choices`).
        low, high: inclusive bounds of a number; whole for an int.
        step: grid spacing counted from `low` (or 0); None for any value; whole for an int.
        choices: the allowed values of a categorical.
        default: the textbook value, None where none is declared.
        log: neighbours are compared on a logarithmic scale.
        when: for a parameter that only some sets have: the values of other parameters with which
            it applies, for example {"kind": ("ema",)}; a set without it obeys where it does not
            apply. Empty for a parameter that every set has.
        description: what it means, with its unit.
    """

    name: str
    type: ParamType
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[ParamValue, ...] = ()
    default: ParamValue = None
    log: bool = False
    description: str = ""
    when: Mapping[str, tuple[ParamValue, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _conditions(self.when, self.name))
        problem = self._contradiction()
        if problem:
            raise InvalidSpecError(problem, field=self.name, remedy="correct the strategy spec")
        if self.default is not None and (wrong := self.problem_with(self.default)):
            raise InvalidSpecError(
                f"default {self.default!r} {wrong}",
                field=self.name,
                remedy="correct the default or the bounds",
            )

    def _contradiction(self) -> str | None:
        if self.type not in PARAM_TYPES:
            return f"type {self.type!r} is none of {', '.join(PARAM_TYPES)}"
        if self.type == "categorical" and not (self.choices and isinstance(self.choices, tuple)):
            return "a categorical needs a list of choices"
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None and not _is_finite(value):
                return f"{name} {value!r} is not a finite number"
            if value is not None and self.type == "int" and value != int(value):
                return f"{name} {value:g} of an int is not a whole number"
        if self.low is not None and self.high is not None and self.low > self.high:
            return f"low {self.low:g} is above high {self.high:g}"
        if self.step is not None and self.step <= 0:
            return f"step {self.step:g} must be positive"
        return None

    @property
    def is_number(self) -> bool:
        """Whether neighbours of a value exist (int, float), or only matches (the others)."""
        return self.type in ("int", "float")

    def applies(self, params: Params) -> bool:
        """Whether a set with these values has this parameter."""
        return all(
            name in params and any(same_value(params[name], choice) for choice in choices)
            for name, choices in self.when.items()
        )

    def problem_with(self, value: ParamValue) -> str | None:
        """What is wrong with a value, as the end of a sentence, or None."""
        if self.type == "bool":
            return None if isinstance(value, bool) else "is not a boolean"
        if self.type == "categorical":
            known = any(same_value(value, choice) for choice in self.choices)
            return None if known else f"is none of {list(self.choices)}"
        return self._problem_with_number(value)

    def _problem_with_number(self, value: ParamValue) -> str | None:
        if not _is_finite(value):
            return "is not a finite number"
        if self.type == "int" and value != int(value):
            return "is not a whole number"
        if self.low is not None and value < self.low:
            return f"is below {self.low:g}"
        if self.high is not None and value > self.high:
            return f"is above {self.high:g}"
        if self.step is not None and not _on_step(float(value), self.low or 0.0, self.step):
            return f"is not on the step of {self.step:g}"
        return None

    def repaired(self, value: ParamValue) -> ParamValue:
        """The nearest allowed value; where none is near, the default, first choice or bound."""
        if not self.problem_with(value):
            return value
        if not self.is_number or not _is_finite(value):
            return self.fallback()
        return self._nearest(float(value))

    def _nearest(self, value: float) -> ParamValue:
        low = self.low if self.low is not None else -math.inf
        high = self.high if self.high is not None else math.inf
        number = min(max(value, low), high)
        step = self.step or (1.0 if self.type == "int" else None)
        if step is not None:
            base = self.low or 0.0
            steps = round(min((number - base) / step, 1e300))
            number = base + steps * step
            if number > high + 1e-9 * step:
                number = base + (steps - 1) * step
            number = min(max(number, low), high)
        if self.type == "int":
            return round(number)
        tidy = round(number, 12)  # 0.1 + 2 * 0.1 is meant as 0.3
        return number if self.problem_with(tidy) else tidy

    def fallback(self) -> ParamValue:
        """The default, else the first choice, else a bound (the lower one first), else None."""
        if self.default is not None:
            return self.default
        if self.choices:
            return self.choices[0]
        if self.type == "bool":
            return False
        bound = self.low if self.low is not None else self.high
        return self._nearest(float(bound)) if bound is not None else None


def fits_64_bits(value: object) -> bool:
    """Whether a value is anything but an integer that other programs cannot read.

    JSON has integers of any length, and most of what reads it has not.
    """
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _is_finite(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of 400 digits
        return False


def _conditions(when: object, name: str) -> dict[str, tuple[ParamValue, ...]]:
    """The conditions with tuples of values: a spec from a file has lists, or a single value."""
    if not isinstance(when, Mapping):
        raise InvalidSpecError(
            f"when {when!r} is no mapping",
            field=name,
            remedy='name the values of another parameter, such as {"kind": ["ema"]}',
        )
    return {
        str(other): tuple(values) if isinstance(values, list | tuple) else (values,)
        for other, values in when.items()
    }


def same_value(a: ParamValue, b: ParamValue) -> bool:
    """Whether two values are the same parameter: 20 is 20.0, but True is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def nearest_step(value: int | float, declared: ParamSpec) -> float | None:
    """The place on the step that a number lies at, None off the step and where there is none."""
    base, step = declared.low or 0.0, declared.step
    if step is None or not _is_finite(value) or not _on_step(float(value), base, step):
        return None
    steps = (float(value) - base) / step
    return None if abs(steps) > _MOST_STEPS else base + round(steps) * step


def _on_step(value: float, base: float, step: float) -> bool:
    steps = (value - base) / step
    return math.isinf(steps) or abs(steps - round(steps)) < 1e-6
