"""Filter values that a request or a strategy's floors may set, and their ranges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

import numpy as np

from tradingkb.exceptions import InvalidInputError

OVERRIDABLE: Final = ("require_oos", "max_drawdown", "min_trades", "max_overfit_gap", "regime_tags")


@dataclass(frozen=True)
class Overrides:
    """What a question says of the filters; None leaves one to the strategy and the defaults.

    Attributes:
        require_oos: only trials with an out-of-sample result nominate.
        max_drawdown: largest drawdown, a positive fraction (0.25 = 25 %).
        min_trades: fewest trades, both samples together.
        max_overfit_gap: largest `max(0, sharpe_is - sharpe_oos)`; infinity switches it off.
        regime_tags: tags that the trial's window must all carry.

    Raises:
        InvalidInputError: a value out of its range, with the remedy.
    """

    require_oos: bool | None = None
    max_drawdown: float | None = None
    min_trades: int | None = None
    max_overfit_gap: float | None = None
    regime_tags: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name, value in check_overrides(vars(self)).items():
            object.__setattr__(self, name, value)

    @property
    def given(self) -> dict[str, Any]:
        """Those that are not None, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


_RANGES: Final = {
    "max_drawdown": "give a positive fraction between 0 and 1: 25 % is 0.25",
    "min_trades": "give a whole number, 0 or more",
    "max_overfit_gap": "give 0 or more, in units of the Sharpe ratio; infinity switches it off",
}


def check_overrides(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not None, with the types of `Filters`.

    Raises:
        InvalidInputError: an unknown name, or a value out of its range, with the remedy.
    """
    for name in values:
        if name not in OVERRIDABLE:
            raise InvalidInputError(
                f"{name!r} is no filter", field=str(name), remedy=f"use {', '.join(OVERRIDABLE)}"
            )
    return {name: _checked(name, value) for name, value in values.items() if value is not None}


def _checked(name: str, value: Any) -> Any:
    if name == "require_oos":
        if not isinstance(value, bool | np.bool_):
            raise InvalidInputError(
                f"{value!r} is neither true nor false", field=name, remedy="give True or False"
            )
        return bool(value)
    return _tags(value) if name == "regime_tags" else _number(name, value)


def _number(name: str, value: Any) -> float:
    # NumPy's numbers are numbers too, but its integers are no `int`.
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInputError(f"{value!r} is not a number", field=name, remedy=_RANGES[name])
    number = float(value)
    whole = name != "min_trades" or number.is_integer()
    if not (whole and 0 <= number <= (1 if name == "max_drawdown" else math.inf)):
        raise InvalidInputError(f"{value} is out of range", field=name, remedy=_RANGES[name])
    return int(number) if name == "min_trades" else number


def _tags(value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    # Arrays, series and generators too; a mapping or bytes is meant as something else.
    readable = isinstance(given, Iterable) and not isinstance(given, Mapping | bytes)
    tags = tuple(given) if readable else ()
    if not readable or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInputError(
            f"{value!r} is no list of tags", field="regime_tags", remedy='such as ["uptrend"]'
        )
    return tuple(map(str, tags))
