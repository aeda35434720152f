"""How far the best-supported parameter sets agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Part

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class NumberSpread(Part):
    """The values of a numeric parameter among the best sets.

    Attributes:
        min, median, max: of these values.
        n: sets that have one.
    """

    min: float
    median: float
    max: float
    n: int


@dataclass(frozen=True)
class ChoiceSpread(Part):
    """How often each value of another parameter stands among the best sets, most frequent first.

    Attributes:
        counts: sets by value.
        n: sets that have one.
    """

    counts: Mapping[str, int]
    n: int


Spread = NumberSpread | ChoiceSpread


def spreads(
    psets: Sequence[dict[str, Any]], score: Floats, allowed: Bools, top: int = 10
) -> dict[str, Spread]:
    """How far the best-supported parameter sets agree, per parameter.

    Returns:
        For numbers the minimum, median and maximum over the `top` best allowed sets; for other
        values their counts.
    """
    order = np.flatnonzero(allowed)
    order = order[np.argsort(-score[order], kind="stable")][:top]
    best = [psets[int(i)] for i in order]
    found: dict[str, Spread] = {}
    for name in sorted({name for pset in best for name in pset}):
        values = [pset[name] for pset in best if name in pset]
        found[name] = _spread(values)
    return found


def _spread(values: list[Any]) -> Spread:
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        numbers = sorted(values)
        return NumberSpread(numbers[0], float(np.median(numbers)), numbers[-1], len(numbers))
    counts = Counter(map(str, values))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ChoiceSpread(dict(ordered), len(values))
