"""What a strategy's parameters may be: types, bounds, steps, choices, constraints, defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tradingkb.domain.constraints import check_constraint, constraint_holds
from tradingkb.exceptions import InvalidSpecError

ParamValue = int | float | bool | str | None
Params = Mapping[str, ParamValue]
ParamType = Literal["int", "float", "categorical", "bool"]
PARAM_TYPES: Final = ("int", "float", "categorical", "bool")


@dataclass(frozen=True)
class ParamSpec:
    """One parameter: its type and the values it may take.

    Attributes:
        name: the key in a trial's `params`.
        type: "int", "float", "bool" or "categorical" (the last needs `choices`).
        low, high: inclusive bounds of a number.
        step: grid spacing counted from `low` (or 0); None for any value.
        choices: the allowed values of a categorical.
        default: the textbook value, None where none is declared.
        log: neighbours are compared on a logarithmic scale.
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

    def __post_init__(self) -> None:
        problem = self._contradiction()
        if problem:
            raise InvalidSpecError(problem, field=self.name, remedy="correct the strategy spec")
        if self.default is not None and self.problem_with(self.default):
            raise InvalidSpecError(
                f"default {self.default!r} {self.problem_with(self.default)}",
                field=self.name, remedy="correct the default or the bounds",
            )  # fmt: skip

    def _contradiction(self) -> str | None:
        if self.type not in PARAM_TYPES:
            return f"type {self.type!r} is none of {', '.join(PARAM_TYPES)}"
        if self.type == "categorical" and not self.choices:
            return "a categorical needs choices"
        if self.low is not None and self.high is not None and self.low > self.high:
            return f"low {self.low:g} is above high {self.high:g}"
        if self.step is not None and self.step <= 0:
            return f"step {self.step:g} must be positive"
        return None

    @property
    def is_number(self) -> bool:
        """Whether neighbours of a value exist (int, float), or only matches (the others)."""
        return self.type in ("int", "float")

    def problem_with(self, value: ParamValue) -> str | None:
        """What is wrong with a value, as the end of a sentence, or None."""
        if self.type == "bool":
            return None if isinstance(value, bool) else "is not a boolean"
        if self.type == "categorical":
            known = any(_same(value, choice) for choice in self.choices)
            return None if known else f"is none of {list(self.choices)}"
        return self._problem_with_number(value)

    def _problem_with_number(self, value: ParamValue) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
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
        """The nearest allowed value; the default (else the first choice or bound) if none is near."""
        if not self.problem_with(value):
            return value
        if not self.is_number or isinstance(value, bool) or not isinstance(value, int | float):
            return self.fallback()
        if not math.isfinite(value):
            return self.fallback()
        return self._nearest(float(value))

    def _nearest(self, value: float) -> ParamValue:
        low = self.low if self.low is not None else -math.inf
        high = self.high if self.high is not None else math.inf
        number = min(max(value, low), high)
        step = self.step or (1.0 if self.type == "int" else None)
        if step is not None:
            base = self.low or 0.0
            number = base + round((number - base) / step) * step
            number -= step if number > high + 1e-12 else 0.0
        return round(number) if self.type == "int" else float(round(number, 12))

    def fallback(self) -> ParamValue:
        """The default, else the first choice, else the lower bound, else None."""
        if self.default is not None:
            return self.default
        if self.choices:
            return self.choices[0]
        if self.type == "bool":
            return False
        return (int(self.low) if self.type == "int" else self.low) if self.low is not None else None


@dataclass(frozen=True)
class StrategySpec:
    """A strategy's declared parameters, constraints and filter floors.

    Attributes:
        name: what `strategy_name` holds.
        params: one `ParamSpec` per parameter.
        version: the strategy's own version; evidence is pooled within one version.
        constraints: expressions over parameter names that must hold, such as "fast < slow".
        floors: filter values that override the built-in ones for this strategy, for example
            {"min_trades": 20}; a request still overrides them.
        description: one sentence.

    Raises:
        InvalidSpecError: duplicate parameters, an unreadable constraint, defaults that break one.
    """

    name: str
    params: tuple[ParamSpec, ...]
    version: str = "1"
    constraints: tuple[str, ...] = ()
    floors: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(self.params))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        names = [p.name for p in self.params]
        if not self.name or len(set(names)) != len(names):
            raise InvalidSpecError("needs a name and parameters of different names", field="params")
        for text in self.constraints:
            check_constraint(text, names)
        defaults = self.defaults
        if defaults and (broken := self.broken_constraints(defaults)):
            raise InvalidSpecError(
                f"the defaults break {broken[0]!r}", field="constraints",
                remedy="correct the defaults or the constraint",
            )  # fmt: skip

    @property
    def defaults(self) -> dict[str, ParamValue] | None:
        """The declared default of every parameter, or None when any is missing."""
        values = {p.name: p.default for p in self.params}
        return values if values and all(v is not None for v in values.values()) else None

    def param(self, name: str) -> ParamSpec | None:
        """The parameter of that name."""
        return next((p for p in self.params if p.name == name), None)

    def broken_constraints(self, params: Params) -> list[str]:
        """The constraints that do not hold; one over a missing name does not hold."""
        return [text for text in self.constraints if not constraint_holds(text, params)]

    def problems(self, params: Params) -> list[str]:
        """Everything that keeps a parameter set from obeying this spec, as sentences."""
        found = [f"{p.name} is missing" for p in self.params if p.name not in params]
        for name, value in params.items():
            spec = self.param(name)
            if spec is None:
                found.append(f"{name} is not a parameter of {self.name}")
            elif problem := spec.problem_with(value):
                found.append(f"{name} = {value!r} {problem}")
        if not found:
            found = [f"{text} does not hold" for text in self.broken_constraints(params)]
        return found

    def repair(self, params: Params) -> tuple[dict[str, ParamValue], dict[str, str]]:
        """The nearest parameter set that obeys the spec, and what was changed.

        Returns:
            The repaired set, and one sentence per changed parameter. When single values are in
            order but a constraint still fails, the declared defaults are taken as a whole; with
            no defaults the set is returned as it is, with the broken constraint under
            "constraints".
        """
        repaired: dict[str, ParamValue] = {}
        changes: dict[str, str] = {}
        for spec in self.params:
            value = params.get(spec.name)
            repaired[spec.name] = spec.repaired(value) if spec.name in params else spec.fallback()
            if spec.name not in params:
                changes[spec.name] = f"missing, set to {repaired[spec.name]!r}"
            elif problem := spec.problem_with(value):
                changes[spec.name] = f"{value!r} {problem}, set to {repaired[spec.name]!r}"
        for name in params:
            if self.param(name) is None:
                changes[name] = f"not a parameter of {self.name}, dropped"
        if broken := self.broken_constraints(repaired):
            return self._repair_constraints(repaired, changes, broken)
        return repaired, changes

    def _repair_constraints(
        self, params: dict[str, ParamValue], changes: dict[str, str], broken: list[str]
    ) -> tuple[dict[str, ParamValue], dict[str, str]]:
        defaults = self.defaults
        if defaults is None:
            return params, {**changes, "constraints": f"{'; '.join(broken)} does not hold"}
        moved = {
            name: f"{params.get(name)!r} breaks {broken[0]!r}, default {value!r} taken"
            for name, value in defaults.items()
            if not _same(params.get(name), value)
        }
        return dict(defaults), {**changes, **moved}

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; `from_dict` reads it back."""
        return {
            "name": self.name, "version": self.version, "description": self.description,
            "params": [
                {k: (list(v) if isinstance(v, tuple) else v) for k, v in vars(p).items()}
                for p in self.params
            ],
            "constraints": list(self.constraints), "floors": dict(self.floors),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StrategySpec:
        """Reads a mapping (from TOML or JSON), refusing keys that mean nothing.

        Raises:
            InvalidSpecError: an unknown key, or anything the constructor refuses.
        """
        allowed = {"name", "version", "description", "params", "constraints", "floors"}
        if unknown := sorted(set(data) - allowed):
            raise InvalidSpecError(f"unknown key {unknown[0]!r}", remedy=f"allowed: {sorted(allowed)}")
        if "name" not in data:
            raise InvalidSpecError("a strategy spec needs a name", field="name")
        return cls(
            name=str(data["name"]),
            version=str(data.get("version", "1")),
            description=str(data.get("description", "")),
            params=tuple(_param_from(p) for p in data.get("params", ())),
            constraints=tuple(data.get("constraints", ())),
            floors=dict(data.get("floors", {})),
        )


def _param_from(data: Mapping[str, Any]) -> ParamSpec:
    known = set(ParamSpec.__dataclass_fields__) | {"grid"}
    if unknown := sorted(set(data) - known):
        raise InvalidSpecError(f"unknown key {unknown[0]!r}", field=str(data.get("name", "params")))
    values = {k: v for k, v in data.items() if k != "grid"}
    if "choices" in values:
        values["choices"] = tuple(values["choices"])
    try:
        return ParamSpec(**values)
    except TypeError as error:
        raise InvalidSpecError(str(error), field=str(data.get("name", "params"))) from None


def _same(a: ParamValue, b: ParamValue) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _on_step(value: float, base: float, step: float) -> bool:
    steps = (value - base) / step
    return abs(steps - round(steps)) < 1e-6
