"""How a number, a parameter set or a date reads; every face of an answer uses these."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

#: A value that does not exist.
NONE: Final = "–"
#: A value that exists and is not known.
UNKNOWN: Final = "unknown"
#: Decimals of a suggested threshold; it is rounded outwards, so that it still lets enough through.
_THRESHOLD_STEP: Final = Decimal("0.0001")


def finite(value: Any) -> float | None:
    """The value as a float, None when it is no finite number."""
    if value is None or isinstance(value, bool | str):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def number(value: Any, digits: int = 2) -> str:
    """A plain number, "–" when there is none."""
    known = finite(value)
    return NONE if known is None else _no_negative_zero(f"{known:.{digits}f}")


def percent(value: Any, digits: int = 1) -> str:
    """A fraction as percent: 0.25 reads "25.0 %"."""
    known = finite(value)
    return NONE if known is None else _no_negative_zero(f"{100 * known:.{digits}f}") + " %"


def score(value: Any, unit: str) -> str:
    """A value of an objective in its unit: fractions as percent, ratios with two digits."""
    return percent(value) if unit == "fraction" else number(value)


def gain(value: Any, unit: str) -> str:
    """A difference of an objective in its unit, always with its sign."""
    text = score(value, unit)
    return text if text.startswith((NONE, "-")) else f"+{text}"


def interval(low: Any, high: Any, unit: str) -> str:
    """Two bounds in words, because a dash between negative numbers misleads."""
    if finite(low) is None or finite(high) is None:
        return UNKNOWN
    return f"{score(low, unit)} to {score(high, unit)}"


def literal(value: Any) -> str:
    """A parameter as it would be typed in Python, without the noise of binary floats."""
    if isinstance(value, float) and math.isfinite(value):
        return repr(float(f"{value:.12g}"))
    return repr(value)


def typed(params: Mapping[str, Any]) -> list[str]:
    """The parameters as keyword arguments, one text each; a name that cannot be one is quoted."""
    return [
        f"{name}={literal(value)}" if name.isidentifier() else f"{name!r}: {literal(value)}"
        for name, value in params.items()
    ]


def params_text(params: Mapping[str, Any] | None) -> str:
    """`typed` on one line."""
    return NONE if params is None else ", ".join(typed(params)) or "no parameters"


def threshold(value: Any) -> str:
    """A filter's value as it would be typed; floats are rounded up, which never tightens a cap."""
    if isinstance(value, float) and math.isfinite(value):
        return repr(float(Decimal(repr(value)).quantize(_THRESHOLD_STEP, ROUND_CEILING)))
    return repr(value)


def day(text: str | None) -> str:
    """An ISO time as a date, with hours and minutes only where there are any."""
    if not text:
        return UNKNOWN
    date, _, clock = text.partition("T")
    minutes = clock[:5]
    return date if minutes in ("", "00:00") else f"{date} {minutes}"


def count(n: int, noun: str) -> str:
    """A number with its noun: "1 window", "1,200 windows"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def market(symbol: str | None, timeframe: str | None) -> str:
    """An instrument with its timeframe ("AAPL 1d"), "" when neither is known."""
    return " ".join(part for part in (symbol, timeframe) if part)


def _no_negative_zero(text: str) -> str:
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text
