"""How numbers and parameters read on the page of trials."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

#: What stands where nothing is known.
NONE: Final = "–"


def literal(value: Any) -> str:
    """A parameter's value as it is read, without the noise of binary floats."""
    if value is None:
        return "not set"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.12g}"
    return str(value)


def score_text(value: float | None, unit: str, digits: int = 2) -> str:
    """A value of an objective in its unit: fractions as percent, others with two decimals."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{100 * value:.{max(digits - 1, 0)}f}" if unit == "fraction" else f"{value:.{digits}f}"
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]
    return f"{text} %" if unit == "fraction" else text


def params_text(params: Mapping[str, Any] | str | None) -> str:
    """Parameters on one line, from a mapping or its JSON text."""
    if isinstance(params, str):
        params = read_params(params)
    if not params:
        return NONE
    return ", ".join(f"{name}={literal(value)}" for name, value in params.items())


def read_params(text: str | None) -> dict[str, Any]:
    """Parameters from their JSON text; none where it holds none."""
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def count(n: int, noun: str) -> str:
    """A number with its noun: "1 trial", "1,200 trials"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
