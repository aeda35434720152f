"""Past decisions, and how well each model would have forecast them.

Forecasts are judged forwards: each group of quarters by models fitted on earlier ones, as they
would have been in use. Leaving groups out of the middle would train on the future of what is
judged, and let a change of the market vote on its own past.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError
from tradingkb.ranking.calibration import Skill, skill
from tradingkb.ranking.logistic import Logistic, expit, fit_logistic, logit
from tradingkb.ranking.pooled import Pooled, decision_weights, fit_pooled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rates = Literal["base_rate", "pooled"]

RATES: Final[tuple[Rates, Rates]] = ("base_rate", "pooled")
#: Groups of quarters that are forecast one after the other.
FOLDS: Final = 8
N_RESAMPLES: Final = 1000


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Past decisions and whether each beat the defaults in its window.

    Attributes:
        won: shape (n,), 1 beat them, 0 did not, 0.5 earned the same.
        strategy, band: shape (n,), codes of the strategy and of the band of evidence.
        quarter: shape (n,), consecutive numbers of the calendar quarters in which the windows
            start (year x 4 + quarter), so that later is larger.
        features: shape (n, f), what was known at the start of the window; NaN where unknown.

    Raises:
        InvalidInputError: shapes differ, or a value is out of its range.
    """

    won: Floats
    strategy: Ints
    band: Ints
    quarter: Ints
    features: Floats

    def __post_init__(self) -> None:
        for name in ("strategy", "band", "quarter", "features"):
            column = getattr(self, name)
            if len(column) != len(self.won) or column.ndim != 1 + (name == "features"):
                message = f"shape {column.shape} for {len(self.won)} outcomes"
                raise InvalidInputError(message, field=name, remedy="one row per outcome")
        _refuse(~np.isin(self.won, (0.0, 0.5, 1.0)), "won", "an outcome is 0, 0.5 (a tie) or 1")
        infinite = np.asarray(np.isinf(self.features).any(axis=1))
        _refuse(infinite, "features", "NaN says that one is unknown")

    def __len__(self) -> int:
        return len(self.won)

    def take(self, which: NDArray[Any]) -> Outcomes:
        """The decisions at these places, or where the mask is true."""
        return Outcomes(*(getattr(self, f.name)[which] for f in fields(self)))

    def in_order(self) -> Outcomes:
        """Sorted by everything, so that no sum depends on the order of the input."""
        columns = (*self.features.T, self.won, self.band, self.strategy, self.quarter)
        return self.take(np.lexsort(columns))


def enough(outcomes: Outcomes, min_outcomes: int, min_quarters: int) -> bool:
    """Whether there are any, and as many decisions and quarters as that."""
    return 0 < len(outcomes) >= min_outcomes and len(np.unique(outcomes.quarter)) >= min_quarters


def correction(pooled: Pooled, rates: Rates, outcomes: Outcomes) -> Logistic:
    """What features add to these rates, correlated decisions of a quarter counting less."""
    weight = decision_weights(outcomes.quarter, pooled.rungs[0].correlation)
    known = known_rates(pooled, rates, outcomes)
    return fit_logistic(outcomes.features, outcomes.won, known, weight)


def known_rates(pooled: Pooled, rates: Rates, outcomes: Outcomes) -> Floats:
    """Everyone's rate, or that of each decision's group, shape (n,)."""
    if rates == "pooled":
        return pooled.rates(outcomes.strategy, outcomes.band)
    return np.full(len(outcomes), pooled.groups[()].value)


def forecasts(
    outcomes: Outcomes, min_outcomes: int, min_quarters: int, embargo: int
) -> dict[str, Floats]:
    """Forecasts of each group of quarters by models fitted before it, with what happened.

    Args:
        outcomes: the past.
        min_outcomes: decisions that a model needs.
        min_quarters: quarters that a model needs.
        embargo: quarters before a group whose outcomes were not yet known then.

    Returns:
        "won", "quarter", the rates "base_rate" and "pooled" and, with features, "base_rate+" and
        "pooled+", shapes (n,) of what could be forecast; nothing if that is none.
    """
    _, place, count = np.unique(outcomes.quarter, return_inverse=True, return_counts=True)
    fold = ((np.cumsum(count) - count / 2) * FOLDS / len(outcomes)).astype(np.int64)[place]
    parts = []
    for number in np.unique(fold):
        now = outcomes.take(fold == number)
        before = outcomes.take(outcomes.quarter < now.quarter.min() - embargo)
        if enough(before, min_outcomes, min_quarters):
            parts.append(_forecast(before, now))
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts or [{}])[0]}


def _forecast(before: Outcomes, now: Outcomes) -> dict[str, Floats]:
    pooled = fit_pooled(before.won, before.strategy, before.band, before.quarter)
    made = {"won": now.won, "quarter": now.quarter.astype(np.float64)}
    for rates in RATES:
        made[rates] = known_rates(pooled, rates, now)
        if now.features.shape[1]:
            shift, _ = correction(pooled, rates, before).shift(now.features)
            made[rates + "+"] = expit(logit(made[rates]) + shift)
    return made


def judge(
    past: dict[str, Floats], min_quarters: int, rng: np.random.Generator, level: float
) -> tuple[Rates, dict[str, Skill]]:
    """Which rates speak, and the skills that decide it and whether features correct them.

    Args:
        past: `forecasts`.
        min_quarters: with fewer forecast quarters there are no skills, and the base rate speaks.
        rng: source of the bootstrap's draws.
        level: of the skills' intervals.
    """
    found: dict[str, Skill] = {}
    if len(np.unique(past.get("quarter", []))) < max(2, min_quarters):
        return "base_rate", found

    def compare(name: str, mine: str, reference: str) -> bool:
        won, quarter = past["won"], past["quarter"].astype(np.int64)
        if mine in past and (past[reference] != won).any():  # nothing beats a perfect reference
            sides = past[mine], past[reference]
            found[name] = skill(*sides, won, quarter, rng, N_RESAMPLES, level)
        return name in found and found[name].low > 0

    rates: Rates = "pooled" if compare("pooled", "pooled", "base_rate") else "base_rate"
    compare("logistic", rates + "+", "base_rate")
    compare("logistic_over_rates", rates + "+", rates)
    return rates, found


def _refuse(bad: NDArray[np.bool_], field: str, remedy: str) -> None:
    if bad.any():
        row = int(bad.argmax()) + 1
        raise InvalidInputError("not usable as it is", field=field, row=row, remedy=remedy)
