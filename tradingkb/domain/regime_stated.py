"""What a user states about a regime, completed without guessing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tradingkb.domain.regime_features import FEATURE_INFO, FEATURES
from tradingkb.domain.regime_tags import RULE_OF, holds, rule_text
from tradingkb.exceptions import InvalidRegimeError

_SAME_TREND = 0.05
"""How far a stated trend_strength may be from |trend_direction|: people round."""


def check_believable(given: Mapping[str, float]) -> None:
    """Refuse stated values that are valid, and yet most likely in another unit.

    Measured regimes may hold such values: bars do not mistake units.

    Raises:
        InvalidRegimeError: percent given for a fraction, or a fraction for 0..100.
    """
    for name, value in given.items():
        info = FEATURE_INFO[name]
        low, high = info.believable or (info.low, info.high)
        if not low <= value <= high:
            meant = value / 100 if value > high else value * 100
            hint = f"; did you mean {meant:g}?" if low <= meant <= high else ""
            raise InvalidRegimeError(
                f"{value:g} is hardly meant: it is {info.unit}, and {low:g} to {high:g} is usual",
                field=name,
                remedy=f"give {info.meaning}{hint}",
            )


def with_trend_strength(given: Mapping[str, float]) -> dict[str, float]:
    """The given features; by definition trend_strength is the size of trend_direction."""
    if "trend_direction" in given and "trend_strength" not in given:
        return {**given, "trend_strength": abs(given["trend_direction"])}
    return dict(given)


def stated_features(given: Mapping[str, float], tags: Sequence[str]) -> dict[str, float]:
    """The given features, and the representative ones of the tags where nothing is given.

    A given trend_strength sets the size of the trend_direction that a tag implies.

    Raises:
        InvalidRegimeError: given features that contradict a tag or each other.
    """
    merged: dict[str, float] = {}
    for tag in tags:
        merged |= RULE_OF[tag].representative
    merged |= given
    if "trend_direction" in merged and "trend_direction" not in given:
        size = given.get("trend_strength", abs(merged["trend_direction"]))
        merged["trend_direction"] = math.copysign(size, merged["trend_direction"])
        merged["trend_strength"] = size
    _check_trend(merged)
    _check_tags(merged, tags)
    return {name: merged[name] for name in FEATURES if name in merged}


def _check_trend(features: Mapping[str, float]) -> None:
    if "trend_direction" not in features:
        return
    strength, size = features["trend_strength"], abs(features["trend_direction"])
    if abs(strength - size) > _SAME_TREND:
        raise InvalidRegimeError(
            f"{strength:g} is not the size of trend_direction {features['trend_direction']:g}",
            field="trend_strength",
            remedy="state trend_direction alone; trend_strength is its absolute value",
        )


def _check_tags(features: Mapping[str, float], tags: Sequence[str]) -> None:
    for tag in tags:
        for condition in RULE_OF[tag].all_of:
            if not holds(condition, features):
                raise InvalidRegimeError(
                    f"{features[condition[0]]:g} contradicts the tag {tag}"
                    f" ({rule_text(condition)})",
                    field=condition[0],
                    remedy=f"leave {condition[0]} out, or do not state {tag}",
                )
