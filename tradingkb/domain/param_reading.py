"""Parameter values as they come, in any spelling, to the values that are meant.

The spec of the strategy says what a text is: "20" is 20 where an int is declared, and a text where
the choices are texts. Where no spec is registered, a value is taken as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tradingkb.domain.param_spec import (
    ParamSpec,
    ParamValue,
    fits_64_bits,
    nearest_step,
    same_value,
)
from tradingkb.domain.strategy import StrategySpec
from tradingkb.domain.trial import plain_value
from tradingkb.exceptions import InvalidTrialError

#: A float is meant as the one of this many significant digits, where rounding errors of a few
#: additions explain the rest: 0.30000000000000004 is 0.3, and 1/3 stays what it is.
DIGITS: Final = 12
ROUNDING: Final = 2e-14

_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,400}")
_BOOLEANS: Final = {"true": True, "false": False}
#: How tools that know texts alone write None.
_NOTHING: Final = ("", "none", "null")
MEAN_NOTHING: Final = (
    "where none is meant, declare that in the strategy's spec: None among the choices, or "
    "when={...} for a parameter that only some sets have"
)


@dataclass(frozen=True)
class Unread:
    """A value that cannot be read: which parameter, why, and what to do."""

    name: str
    message: str
    remedy: str


def tidy(number: float) -> float:
    """A number without the rounding errors of float arithmetic: 0.30000000000000004 is 0.3."""
    if isinstance(number, int):
        return number
    short = float(f"{number:.{DIGITS}g}")
    return short if abs(short - number) <= ROUNDING * abs(number) else number


def number_in(text: str) -> ParamValue:
    """The number that a text is, None where it is none; ASCII digits with a point alone."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def boolean_in(text: str) -> bool | None:
    """True or False where a text says so, in any case."""
    return _BOOLEANS.get(text.strip().lower())


def looks_typed(value: ParamValue) -> bool:
    """Whether a value is a text that reads as a number or a boolean."""
    return isinstance(value, str) and (
        number_in(value) is not None or boolean_in(value) is not None
    )


def kind_of(value: ParamValue) -> str:
    """What a value is, as the end of a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a text" if isinstance(value, str) else "a number"


def declared_kinds(declared: ParamSpec) -> set[str]:
    """What the values of a parameter are, each as `kind_of` says it."""
    if declared.is_number:
        return {"a number"}
    if declared.type == "bool":
        return {"a boolean"}
    return {kind_of(choice) for choice in declared.choices}


def read_set(
    given: Mapping[str, Any], spec: StrategySpec | None
) -> tuple[dict[str, ParamValue], list[Unread]]:
    """A parameter set as its spec means it.

    Args:
        given: names and values, in any spelling. A null of a parameter that does not apply is a
            parameter that the set does not have.
        spec: says types and choices; None leaves values as they are, but for rounding errors.

    Returns:
        The values that could be read, and those that could not.
    """
    read: dict[str, ParamValue] = {}
    unread: list[Unread] = []
    for name in given if spec is None else _conditions_first(given, spec):
        value, declared = given[name], spec.param(name) if spec else None
        if declared and _is_nothing(value) and declared.when and not declared.applies(read):
            continue
        try:
            found, wrong = _read(name, value, declared)
        except InvalidTrialError as error:
            unread.append(Unread(name, error.message, error.remedy or ""))
            continue
        if wrong or (wrong := _too_long(name, found)):
            unread.append(wrong)
        else:
            read[name] = found
    return read, unread


def _too_long(name: str, value: ParamValue) -> Unread | None:
    """What is wrong with an integer beyond 64 bits, unless it is a float written in full."""
    if not isinstance(value, int) or fits_64_bits(value) or value == float(value):
        return None
    remedy = f"give a float, {value:.6g}, or a text where each digit counts"
    return Unread(name, f"{name} = {value:.6g} is an integer of more than 64 bits", remedy)


def _conditions_first(given: Mapping[str, Any], spec: StrategySpec) -> list[str]:
    """The names, such that what a parameter depends on comes before it."""
    order = [p.name for p in spec.conditions_first]
    return [n for n in order if n in given] + [n for n in given if n not in order]


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def _read(
    name: str, value: Any, declared: ParamSpec | None
) -> tuple[ParamValue, None] | tuple[None, Unread]:
    """The value, or what is wrong with it; raises InvalidTrialError for what is no value at all."""
    plain = plain_value(name, value)
    if declared is None:
        return _tidied(plain), None
    if declared.type == "categorical":
        fits, found = _chosen(plain, declared)
    elif declared.type == "bool":
        found = boolean_in(plain) if isinstance(plain, str) else plain
        fits = isinstance(found, bool)
    else:
        found = number_in(plain) if isinstance(plain, str) else plain
        fits = isinstance(found, int | float) and not isinstance(found, bool)
        found = _on_step(found, declared) if fits else None
    return (found, None) if fits else (None, _unread(name, plain, declared))


def _tidied(value: ParamValue) -> ParamValue:
    return plain_value("", tidy(value)) if isinstance(value, float) else value


def _on_step(number: Any, declared: ParamSpec) -> ParamValue:
    """The place on the grid that a number lies at; off it, the number itself."""
    place = nearest_step(number, declared)
    return _tidied(number if place is None else place)


def _chosen(value: ParamValue, declared: ParamSpec) -> tuple[bool, ParamValue]:
    """Whether a value can be one of a categorical, and the choice that it is where it is one."""
    for spelling in _spellings(value):
        for choice in declared.choices:
            if same_value(_tidied(spelling), _tidied(choice)):
                return True, choice
    if isinstance(value, str):
        return bool(value.strip()) and "a text" in declared_kinds(declared), value
    return kind_of(value) in declared_kinds(declared), value


def _spellings(value: ParamValue) -> list[ParamValue]:
    """A value, then what else it may be: 1 and "1", True and "true", None and "None"."""
    if not isinstance(value, str):
        is_number = value is not None and not isinstance(value, bool)
        return [value, f"{value}"] if is_number else [value]
    text = value.strip()
    others: list[ParamValue] = [n for n in (number_in(text), boolean_in(text)) if n is not None]
    return [value, text, *others, *([None] if text.lower() in _NOTHING else [])]


def _unread(name: str, value: ParamValue, declared: ParamSpec) -> Unread:
    wanted = " or ".join(sorted(declared_kinds(declared)))
    remedy = f"give {wanted} for {name}"
    kind = kind_of(value)
    if _is_nothing(value):
        kind, remedy = "null" if value is None else "blank", f"{remedy}; {MEAN_NOTHING}"
    return Unread(name, f"{name} = {value!r} is {kind}, not {wanted}", remedy)
