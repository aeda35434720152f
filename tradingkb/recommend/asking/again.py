"""A recorded question asked again as of then: what would be answered to it now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tradingkb.plain import plain
from tradingkb.recommend.answer import Recommendation
from tradingkb.reports import Report

#: Facts of an event that are compared with the answer of now, in this order.
COMPARED: Final = (
    *("status", "params", "params_tested"),
    *("expected", "expected_low", "expected_high", "expected_unit"),
    *("baseline_expected", "defaults_expected"),
    *("confidence", "confidence_band", "reasons", "warnings"),
    *("after_strict", "after_relaxed", "windows_used"),
    *("strict_to_relaxed", "metadata_only", "repaired_params"),
    *("timeframe", "strategy_version", "filters", "weights"),
)
#: Numbers that differ by less are the same: they are added up in another order.
_SAME: Final = 1e-9


@dataclass(frozen=True, repr=False)
class AnsweredAgain(Report):
    """A recorded answer beside the one of now to the same question.

    Attributes:
        then: the recorded event; structures are read, times are aware UTC.
        now: the answer of now, as of then; it is not recorded.
        differences: field, then and now of each fact that is not what it was.
    """

    then: Mapping[str, Any]
    now: Recommendation
    differences: tuple[Mapping[str, Any], ...]

    @property
    def same(self) -> bool:
        """Whether nothing that is compared differs."""
        return not self.differences

    def summary(self) -> str:
        """One line."""
        asked = f"{self.then['strategy_name']}, asked {self.then['at']:%Y-%m-%d %H:%M} UTC"
        return f"{asked}: {'answered alike now' if self.same else 'answered otherwise now'}"

    def details(self) -> list[str]:
        """What differs."""
        return [f"{d['field']}: {d['then']}, now {d['now']}" for d in self.differences]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "same": self.same,
            "differences": plain(self.differences),
            "then": plain(self.then),
            "now": self.now.to_dict(),
        }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """field, then, now of what differs between two events; pure.

    Args:
        then: a recorded event; structures are read.
        now: likewise, of the answer of now.
    """
    return tuple(
        {"field": name, "then": then[name], "now": now[name]}
        for name in COMPARED
        if not _alike(then[name], now[name])
    )


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    if numbers:
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)
    return bool(one == other)
