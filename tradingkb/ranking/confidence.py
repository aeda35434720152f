"""The probability that a choice beats the strategy's defaults, from what past choices did.

Three models, and each richer one has to earn its say: the base rate of all choices, rates pooled
over strategies and bands of evidence (`pooled`), and those corrected by features (`logistic`). One
speaks only if its forecasts of the past beat those of the simpler ones, with an interval that
excludes chance: where single successes are not predictable, everyone gets the base rate, and the
interval says how far a group's own rate may be from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError
from tradingkb.ranking.calibration import Skill
from tradingkb.ranking.logistic import Logistic, expit, logit
from tradingkb.ranking.outcomes import Outcomes, Rates, correction, enough, forecasts, judge
from tradingkb.ranking.pooled import Group, Pooled, Rung, fit_pooled

Floats = NDArray[np.float64]
Kind = Literal["base_rate", "pooled", "logistic"]

#: Version of the stored form; raise it when a stored model would mean something else.
VERSION: Final = 1


@dataclass(frozen=True)
class Confidence:
    """The probability of beating the defaults.

    Attributes:
        value: in (0, 1), a tie counting half.
        low, high: interval of that probability, at the model's level.
        n, n_quarters: past decisions that it averages over, and their distinct quarters.
        kind: what speaks: everyone's base rate, pooled rates, or those corrected by features.
    """

    value: float
    low: float
    high: float
    n: int
    n_quarters: int
    kind: Kind


@dataclass(frozen=True, eq=False)
class ConfidenceModel:
    """What `fit_confidence` found.

    Attributes:
        rates: which rates have earned their say.
        pooled: the ladder of rates.
        logistic: the correction of those by features, None unless it has earned its say.
        skill: Brier skill of forward forecasts: "pooled" and "logistic" over the base rate, and
            "logistic_over_rates", which decides; empty where the past is too short to judge.
        level: of every interval.
    """

    rates: Rates
    pooled: Pooled
    logistic: Logistic | None
    skill: Mapping[str, Skill]
    level: float

    @property
    def kind(self) -> Kind:
        """The richest that speaks."""
        return "logistic" if self.logistic is not None else self.rates

    @property
    def base_rate(self) -> float:
        """Rate of all decisions, correlated ones counting less."""
        return self.pooled.groups[()].value

    @property
    def n(self) -> int:
        """Number of decisions."""
        return self.pooled.groups[()].n

    @property
    def n_quarters(self) -> int:
        """Number of distinct quarters."""
        return self.pooled.groups[()].n_quarters

    def predict(self, strategy: int, band: int, features: Floats | None = None) -> Confidence:
        """The confidence in a choice.

        Args:
            strategy: code as in `Outcomes`; an unknown one gets the base rate, less surely.
            band: code as in `Outcomes`; an unknown one gets the strategy's rate, less surely.
            features: shape (f,), NaN where unknown; None when all are.

        Raises:
            InvalidInputError: features speak, and these are not as many as were fitted.
        """
        base, group = self.pooled.groups[()], self.pooled.group(strategy, band)
        kind: Kind = "pooled" if self.rates == "pooled" and group.depth else "base_rate"
        group = group if kind == "pooled" else _instead(base, group)
        centre, variance, behind = float(logit(group.value)), _logit_variance(group), group
        if self.logistic is not None:
            shift, doubt = self.logistic.shift(_row(features, len(self.logistic.centre)))
            centre, variance = centre + float(shift[0]), variance + float(doubt[0])
            kind, behind = "logistic", base
        reach = NormalDist().inv_cdf((1 + self.level) / 2) * variance**0.5
        value, low, high = expit(np.array([centre, centre - reach, centre + reach])).tolist()
        return Confidence(value, low, high, behind.n, behind.n_quarters, kind)

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, from which `from_dict` makes an equal model, bit by bit."""
        groups = [{"key": list(key), **asdict(g)} for key, g in self.pooled.groups.items()]
        rich = self.logistic
        return {
            "version": VERSION,
            "rates": self.rates,
            "level": self.level,
            "skill": {name: asdict(found) for name, found in self.skill.items()},
            "rungs": [asdict(rung) for rung in self.pooled.rungs],
            "groups": groups,
            "logistic": rich and {f.name: getattr(rich, f.name).tolist() for f in fields(rich)},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ConfidenceModel:
        """The model that `to_dict` wrote.

        Raises:
            InvalidInputError: it is of another version.
        """
        if stored.get("version") != VERSION:
            message = f"a confidence model of version {stored.get('version')}, not {VERSION}"
            raise InvalidInputError(message, field="version", remedy="fit it again")
        rows = [dict(row) for row in stored["groups"]]
        rich = stored["logistic"]
        return cls(
            rates=stored["rates"],
            pooled=Pooled(
                rungs=tuple(Rung(**rung) for rung in stored["rungs"]),
                groups={tuple(row.pop("key")): Group(**row) for row in rows},
            ),
            logistic=rich and Logistic(**{name: np.array(rich[name]) for name in rich}),
            skill={name: Skill(**found) for name, found in stored["skill"].items()},
            level=stored["level"],
        )


def fit_confidence(
    outcomes: Outcomes,
    *,
    rng: np.random.Generator,
    min_outcomes: int = 100,
    min_quarters: int = 8,
    level: float = 0.9,
    embargo_quarters: int = 2,
) -> ConfidenceModel | None:
    """Fits the confidence, or None where the outcomes are too few for any.

    Args:
        outcomes: the past, in any order.
        rng: source of the bootstrap's draws.
        min_outcomes: with fewer, nothing is said. It binds each forecast of the past, too.
        min_quarters: likewise, and of the quarters that were forecast: more than the base rate
            is said after twice as many at the earliest.
        level: of every interval, in (0, 1).
        embargo_quarters: quarters before a forecast whose outcomes were not yet known then; 2
            for windows of half a year.
    """
    outcomes = outcomes.in_order()
    if not enough(outcomes, min_outcomes, min_quarters):
        return None
    past = forecasts(outcomes, min_outcomes, min_quarters, embargo_quarters)
    rates, found = judge(past, min_quarters, rng, level)
    pooled = fit_pooled(outcomes.won, outcomes.strategy, outcomes.band, outcomes.quarter)
    gain = found.get("logistic_over_rates")
    earned = gain is not None and gain.low > 0
    logistic = correction(pooled, rates, outcomes) if earned else None
    return ConfidenceModel(rates, pooled, logistic, found, level)


def _instead(everyone: Group, group: Group) -> Group:
    """The base rate in place of a group's: as far off as the group's rate may be from it."""
    off = group.value - everyone.value
    return replace(everyone, variance=group.variance + off**2)


def _logit_variance(group: Group) -> float:
    """Variance of the rate's log odds, so that an interval stays within (0, 1)."""
    return group.variance / (group.value * (1 - group.value)) ** 2


def _row(features: Floats | None, n_features: int) -> Floats:
    row = np.full(n_features, np.nan) if features is None else np.asarray(features, np.float64)
    if row.shape != (n_features,):
        message = f"shape {row.shape}, but the model knows {n_features} of them"
        raise InvalidInputError(message, field="features", remedy="use those it was fitted on")
    return row.reshape(1, -1)
