"""What a strategy's parameters may be: types, bounds, steps, choices, constraints, defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from tradingkb.domain.constraints import check_constraint, constraint_holds, names_in
from tradingkb.domain.names import as_param_name, is_param_name
from tradingkb.domain.overrides import check_overrides
from tradingkb.domain.param_spec import (
    PARAM_TYPES,
    Params,
    ParamSpec,
    ParamType,
    ParamValue,
    same_value,
)
from tradingkb.exceptions import InvalidInputError, InvalidSpecError

__all__ = ["PARAM_TYPES", "ParamSpec", "ParamType", "ParamValue", "Params", "StrategySpec"]

#: Relative change that a rounding makes.
_ROUNDING: Final = 1e-6


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
        _check_is_list(self.constraints)
        object.__setattr__(self, "params", tuple(self.params))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        _check_floors(self.floors)
        names = [p.name for p in self.params]
        if not self.name or len(set(names)) != len(names):
            raise InvalidSpecError("needs a name and parameters of different names", field="params")
        for param in self.params:
            self._check_conditions(param)
        for text in self.constraints:
            check_constraint(text, names)
        defaults = self.defaults
        if defaults and (broken := self.broken_constraints(defaults)):
            raise InvalidSpecError(
                f"the defaults break {broken[0]!r}",
                field="constraints",
                remedy="correct the defaults or the constraint",
            )

    @property
    def defaults(self) -> dict[str, ParamValue] | None:
        """The declared default of every parameter that applies, or None when any is missing."""
        values: dict[str, ParamValue] = {}
        for spec in self.conditions_first:
            if spec.applies(values):
                values[spec.name] = spec.default
        complete = values and all(v is not None for v in values.values())
        return (
            {p.name: values[p.name] for p in self.params if p.name in values} if complete else None
        )

    @property
    def conditions_first(self) -> list[ParamSpec]:
        """The parameters, such that what one depends on comes before it."""
        found: dict[str, ParamSpec] = {}
        for _ in self.params:  # one more level of conditions each time
            for spec in self.params:
                if spec.name not in found and all(name in found for name in spec.when):
                    found[spec.name] = spec
            if len(found) == len(self.params):
                break
        return list(found.values())

    def _check_conditions(self, param: ParamSpec) -> None:
        for name, choices in param.when.items():
            other = self.param(name)
            problem = None
            if other is None or param not in self.conditions_first:
                problem = "is not another parameter" if other is None else "goes in a circle"
            elif wrong := [c for c in choices if other.problem_with(c)]:
                problem = f"can never be {wrong[0]!r}"
            if problem:
                raise InvalidSpecError(
                    f"when: {name!r} {problem}",
                    field=param.name,
                    remedy="name values that other parameters of the strategy can have",
                )

    def param(self, name: str) -> ParamSpec | None:
        """The parameter of that name."""
        return next((p for p in self.params if p.name == name), None)

    def broken_constraints(self, params: Params) -> list[str]:
        """The constraints that do not hold; one over a missing name does not hold.

        One over a parameter that does not apply to the set says nothing of it.
        """
        absent = {p.name for p in self.params if p.name not in params and not p.applies(params)}
        texts = [t for t in self.constraints if not (absent and absent & names_in(t))]
        return [text for text in texts if not constraint_holds(text, params)]

    def problems(self, params: Params) -> list[str]:
        """Everything that keeps a parameter set from obeying this spec, as sentences."""
        found = [
            f"{p.name} is missing"
            for p in self.params
            if p.name not in params and p.applies(params)
        ]
        for name, value in params.items():
            spec = self.param(name)
            if spec is None:
                found.append(f"{name} is not a parameter of {self.name}")
            elif problem := spec.problem_with(value):
                found.append(f"{name} = {value!r} {problem}")
            elif not spec.applies(params):
                found.append(f"{name} = {value!r} {_idle(spec)}")
        if not found:
            found = [f"{text} does not hold" for text in self.broken_constraints(params)]
        return found

    def repair(self, params: Params) -> tuple[dict[str, ParamValue], dict[str, str]]:
        """The nearest parameter set that obeys the spec, and what was changed.

        Returns:
            The repaired set, and one sentence per changed parameter. When single values are in
            order but a constraint still fails, the declared defaults are taken as a whole; with
            no defaults the set is returned as it is, with the broken constraint under
            "constraints". A value that nothing declared can replace stays None: `problems` of
            the result is empty unless one of these two happened.
        """
        repaired: dict[str, ParamValue] = {}
        changes: dict[str, str] = {}
        for spec in self.conditions_first:
            if not spec.applies(repaired):
                if spec.name in params:
                    changes[spec.name] = f"{_idle(spec)}, dropped"
                continue
            value = params.get(spec.name)
            repaired[spec.name] = spec.repaired(value) if spec.name in params else spec.fallback()
            problem = spec.problem_with(value) if spec.name in params else "missing"
            if problem:
                changes[spec.name] = _change(spec, params, problem, repaired[spec.name])
        for name in params:
            if self.param(name) is None:
                changes[name] = f"not a parameter of {self.name}, dropped"
        repaired = {p.name: repaired[p.name] for p in self.params if p.name in repaired}
        if broken := self.broken_constraints(repaired):
            return self._repair_constraints(repaired, changes, broken)
        return repaired, changes

    def moved(self, params: Params, repaired: Params) -> float | None:
        """How far a repair moved a set, in steps of the parameter that it moved most.

        A rounding, a millionth, is no step. An int without a step has the step of 1; a float
        without one has none: more than a rounding of it is another experiment.

        Returns:
            None where it did more than move numbers by a step: then it is another experiment.
        """
        if set(params) != set(repaired):
            return None
        most = 0.0
        for name, value in repaired.items():
            before, spec = params[name], self.param(name)
            if same_value(before, value):
                continue
            if spec is None or not (spec.is_number and _number(before) and _number(value)):
                return None
            off = abs(value - before)
            step = spec.step or (1.0 if spec.type == "int" else None)
            rounding = off <= _ROUNDING * max(1.0, abs(before))
            steps = 0.0 if rounding else off / step if step is not None else math.inf
            most = max(most, steps)
        return most if most <= 1.0 + _ROUNDING else None

    def _repair_constraints(
        self, params: dict[str, ParamValue], changes: dict[str, str], broken: list[str]
    ) -> tuple[dict[str, ParamValue], dict[str, str]]:
        defaults = self.defaults
        if defaults is None:
            return params, {**changes, "constraints": f"{'; '.join(broken)} does not hold"}
        moved = {
            name: f"{params.get(name)!r} breaks {broken[0]!r}, default {value!r} taken"
            for name, value in defaults.items()
            if not same_value(params.get(name), value)
        }
        return dict(defaults), {**changes, **moved}

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; `from_dict` reads it back."""
        return {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "params": [_param_to(p) for p in self.params],
            "constraints": list(self.constraints),
            "floors": dict(self.floors),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StrategySpec:
        """Reads a mapping (from TOML or JSON), refusing keys that mean nothing.

        Raises:
            InvalidSpecError: an unknown key, or anything the constructor refuses.
        """
        if unknown := sorted(set(data) - set(cls.__dataclass_fields__)):
            allowed = ", ".join(cls.__dataclass_fields__)
            raise InvalidSpecError(f"unknown key {unknown[0]!r}", remedy=f"allowed: {allowed}")
        if "name" not in data:
            raise InvalidSpecError("a strategy spec needs a name", field="name")
        params, floors = data.get("params", ()), data.get("floors", {})
        if not isinstance(params, list | tuple) or not isinstance(floors, Mapping):
            raise InvalidSpecError("params must be a list, and floors a mapping", field="params")
        return cls(
            name=str(data["name"]),
            version=str(data.get("version", "1")),
            description=str(data.get("description", "")),
            params=tuple(_param_from(p) for p in params),
            constraints=data.get("constraints", ()),
            floors=dict(floors),
        )


def _param_to(param: ParamSpec) -> dict[str, Any]:
    plain = {k: (list(v) if isinstance(v, tuple) else v) for k, v in vars(param).items()}
    if not param.when:  # an earlier release does not know the key
        return {k: v for k, v in plain.items() if k != "when"}
    return {**plain, "when": {name: list(values) for name, values in param.when.items()}}


def _idle(spec: ParamSpec) -> str:
    """Of a parameter that a set has, though it does not apply to it."""
    wanted = (f"{name} is {' or '.join(map(repr, c))}" for name, c in spec.when.items())
    return f"applies only where {' and '.join(wanted)}"


def _param_from(data: Any) -> ParamSpec:
    if not isinstance(data, Mapping):
        raise InvalidSpecError(f"{data!r} is no mapping of keys such as name, type", field="params")
    # `grid` is for whoever makes the trials: a choice among what was tried needs none.
    known = set(ParamSpec.__dataclass_fields__) | {"grid"}
    if unknown := sorted(set(data) - known):
        raise InvalidSpecError(f"unknown key {unknown[0]!r}", field=str(data.get("name", "params")))
    values = {k: v for k, v in data.items() if k != "grid"}
    if isinstance(values.get("choices"), list):
        values["choices"] = tuple(values["choices"])
    try:
        return ParamSpec(**values)
    except TypeError as error:
        raise InvalidSpecError(str(error), field=str(data.get("name", "params"))) from None


def _change(spec: ParamSpec, params: Params, problem: str, value: ParamValue) -> str:
    was = f"{params[spec.name]!r} {problem}" if spec.name in params else problem
    if spec.problem_with(value):
        return f"{was}; no default and no bound to take instead"
    return f"{was}, set to {value!r}"


def _check_is_list(constraints: object) -> None:
    if isinstance(constraints, str):  # its letters would be taken as constraints
        raise InvalidSpecError(
            f"constraints must be a list, got {constraints!r}",
            field="constraints",
            remedy=f"write [{constraints!r}]",
        )


def _check_floors(floors: Mapping[str, Any]) -> None:
    try:
        check_overrides(floors)
    except InvalidInputError as error:
        raise InvalidSpecError(f"floors: {error}", field="floors") from None


def spec_for(
    specs: Sequence[StrategySpec], name: str | None, version: str | None
) -> StrategySpec | None:
    """What a strategy declares: of that version, or the spec that comes last where none is named.

    Args:
        specs: of any strategies; those registered last come last.
        name: of the strategy.
        version: of the strategy, where a trial names one.
    """
    fit = [s for s in specs if s.name == name and version in (None, s.version)]
    return fit[-1] if fit else None


def _number(value: ParamValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_param_names(spec: StrategySpec) -> None:
    """Refuses a spec that trials can never obey: theirs have other names.

    Not part of a spec itself: one that is stored already has to be read.

    Raises:
        InvalidSpecError: with a name that the parameter could have.
    """
    for param in spec.params:
        if not is_param_name(param.name):
            raise InvalidSpecError(
                f"{param.name!r} is no name of a parameter: letters, digits and _, no digit first",
                field="params",
                remedy=f"rename it: {as_param_name(param.name)}",
            )
