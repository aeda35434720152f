"""Regime tags as data: which conditions fire them, what they imply, what they exclude.

Thresholds are meant to hold on any timeframe, so no rule reads `atr_pct` or `bb_width`, which grow
with the length of a bar. They were chosen on 628 in-sample windows of 18 symbols (daily, hourly,
5-minute; trailing 250 bars), where the tags fired in this share of windows (out of sample, 126 to
250 bars, in brackets):

    trending 24.0 % (22.8)              ranging 29.9 % (25.6)
    uptrend 27.4 % (27.9)               downtrend 15.6 % (14.6)
    choppy 26.9 % (31.7)
    high_volatility 22.5 % (20.1)       low_volatility 20.4 % (25.0)
    volatility_expanding 15.3 % (14.6)  volatility_contracting 27.7 % (23.1)
    overbought 13.4 % (11.0)            oversold 5.7 % (6.1)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from tradingkb.domain.regime_features import check_names
from tradingkb.exceptions import InvalidRegimeError

Condition: TypeAlias = tuple[str, Literal[">=", "<="], float]
_HOLDS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">=": operator.ge, "<=": operator.le}
)


@dataclass(frozen=True)
class TagEvidence:
    """One condition that fired.

    Attributes:
        tag: The tag it speaks for.
        feature: The feature that was compared.
        value: The feature's value.
        rule: The comparison as text, such as "efficiency_ratio_20 >= 0.23".
    """

    tag: str
    feature: str
    value: float
    rule: str


@dataclass(frozen=True)
class TagRule:
    """A tag fires when all its conditions hold; an absent feature holds no condition.

    Attributes:
        tag: The tag.
        all_of: Conditions (feature, ">=" or "<=", threshold).
        representative: Feature values that a user who states this tag most likely means: near the
            medians of the development windows that fire it.
        excludes: Tags that contradict it. The conditions of the two can never hold
            together, given that trend_strength is the size of trend_direction.
        why: Why the rule is like this.
    """

    tag: str
    all_of: tuple[Condition, ...]
    representative: Mapping[str, float]
    excludes: tuple[str, ...]
    why: str


TAG_RULES: tuple[TagRule, ...] = (
    TagRule(
        "trending",
        (("trend_strength", ">=", 0.6), ("efficiency_ratio_20", ">=", 0.23)),
        {"trend_strength": 0.8, "efficiency_ratio_20": 0.26, "adx": 27.0},
        ("ranging", "choppy"),
        "a line explains the path, and 20-bar moves are straighter than a random walk's 0.2",
    ),
    TagRule(
        "ranging",
        (("trend_strength", "<=", 0.3), ("efficiency_ratio", "<=", 0.06)),
        {"trend_strength": 0.12, "efficiency_ratio": 0.03, "drift": 0.0},
        ("trending", "uptrend", "downtrend"),
        "no line explains the path, and it ends near where it began",
    ),
    TagRule(
        "uptrend",
        (("trend_direction", ">=", 0.5), ("drift", ">=", 0.7)),
        {"trend_direction": 0.8, "trend_strength": 0.8, "drift": 1.4},
        ("downtrend", "ranging"),
        "a rising line explains half of the path or more, and the mean return is above noise",
    ),
    TagRule(
        "downtrend",
        (("trend_direction", "<=", -0.4), ("drift", "<=", -0.4)),
        {"trend_direction": -0.7, "trend_strength": 0.7, "drift": -1.1},
        ("uptrend", "ranging"),
        "as uptrend, milder: markets fall in shorter and rougher stretches than they rise",
    ),
    TagRule(
        "choppy",
        (("efficiency_ratio_20", "<=", 0.21),),
        {"efficiency_ratio_20": 0.195, "autocorrelation_1": -0.08},
        ("trending",),
        "20-bar moves are no straighter than a random walk's",
    ),
    TagRule(
        "high_volatility",
        (("volatility_annual", ">=", 0.4),),
        {"volatility_annual": 0.6},
        ("low_volatility",),
        "above 40 % a year, on any timeframe",
    ),
    TagRule(
        "low_volatility",
        (("volatility_annual", "<=", 0.15),),
        {"volatility_annual": 0.11},
        ("high_volatility",),
        "below 15 % a year, on any timeframe",
    ),
    TagRule(
        "volatility_expanding",
        (("volatility_ratio", ">=", 1.2),),
        {"volatility_ratio": 1.4},
        ("volatility_contracting",),
        "the last 20 returns are a fifth wilder than the lookback",
    ),
    TagRule(
        "volatility_contracting",
        (("volatility_ratio", "<=", 0.7),),
        {"volatility_ratio": 0.58},
        ("volatility_expanding",),
        "the last 20 returns are 30 % calmer than the lookback",
    ),
    TagRule(
        "overbought",
        (("rsi", ">=", 67.0),),
        {"rsi": 71.0, "zscore": 1.6},
        ("oversold",),
        "67 and 33 in place of 70 and 30: below 30 fell only 3.7 % of the windows",
    ),
    TagRule(
        "oversold",
        (("rsi", "<=", 33.0),),
        {"rsi": 29.0, "zscore": -1.6},
        ("overbought",),
        "mirrors overbought",
    ),
)

RULE_OF: Mapping[str, TagRule] = MappingProxyType({rule.tag: rule for rule in TAG_RULES})
TAGS: tuple[str, ...] = tuple(RULE_OF)


def derive_tags(
    features: Mapping[str, float],
) -> tuple[tuple[str, ...], tuple[TagEvidence, ...]]:
    """The tags whose rules the features satisfy, sorted, and one evidence per condition."""
    evidence: list[TagEvidence] = []
    tags = []
    for rule in sorted(TAG_RULES, key=lambda rule: rule.tag):
        if all(holds(condition, features) for condition in rule.all_of):
            tags.append(rule.tag)
            evidence += evidence_of(rule, features)
    return tuple(tags), tuple(evidence)


def holds(condition: Condition, features: Mapping[str, float]) -> bool:
    """True when the feature is present and the comparison is true."""
    name, op, threshold = condition
    return name in features and _HOLDS[op](features[name], threshold)


def evidence_of(rule: TagRule, features: Mapping[str, float]) -> list[TagEvidence]:
    """One entry for each condition of a rule whose conditions all hold."""
    found: list[TagEvidence] = []
    for condition in rule.all_of:
        name, text = condition[0], rule_text(condition)
        found.append(TagEvidence(rule.tag, name, features[name], text))
    return found


def rule_text(condition: Condition) -> str:
    """A condition as text, such as "rsi >= 67"."""
    name, op, threshold = condition
    return f"{name} {op} {threshold:g}"


def check_compatible(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once and sorted.

    Raises:
        InvalidRegimeError: for an unknown tag, or two that exclude each other.
    """
    if isinstance(tags, str):
        tags = (tags,)
    unique = tuple(dict.fromkeys(tags))
    check_names("tag", unique, TAGS)
    for tag in unique:
        clash = [other for other in RULE_OF[tag].excludes if other in unique]
        if clash:
            raise InvalidRegimeError(
                f"{tag} and {clash[0]} contradict each other",
                field=tag,
                remedy="state one of the two",
            )
    return tuple(sorted(unique))
