"""How much of a Sharpe ratio is left once the number of trials behind it is known.

The best of many trials has a high Sharpe ratio even when none has any skill. The deflated Sharpe
ratio is the probability that the true one exceeds what the best of so many would show by luck:

    PSR(b) = Z[ (SR - b) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2) ]
    SR0    = sqrt(V) ((1 - e) Z^-1[1 - 1 / N] + e Z^-1[1 - 1 / (N exp 1)])
    DSR    = PSR(SR0)

SR is per period over T periods, with skewness g3 and (plain) kurtosis g4 of its returns; V is the
variance of the per-period Sharpe ratios of N independent trials that have no skill, e the
Euler-Mascheroni constant and Z the standard normal distribution function.

V is that of luck alone. The paper takes the spread of the trials' ratios for it, which holds under
its null hypothesis only: where trials truly differ, their spread has the differences in it, and one
hopeless trial more would make every other one look lucky.

Sources: Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier; Bailey and Lopez de
Prado (2014), The Deflated Sharpe Ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeflatedSharpe:
    """Sharpe ratios beside what luck alone would show, one entry per parameter set.

    Attributes:
        value: shape (p,), probability in [0, 1] that the true Sharpe ratio exceeds `benchmark`;
            NaN where it is undefined.
        sharpe: shape (p,), annualised, as given.
        benchmark: annualised Sharpe ratio that the best of `n_trials` trials without skill is
            expected to show; NaN where the variance of the trials is unknown.
        n_trials: number of trials.
        n_periods: shape (p,), periods behind each Sharpe ratio.
    """

    value: Floats
    sharpe: Floats
    benchmark: float
    n_trials: int
    n_periods: Floats


def deflated_sharpe(
    sharpe: ArrayLike,
    *,
    variance: float,
    n_trials: int,
    n_periods: ArrayLike,
    periods_per_year: float,
    skewness: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
) -> DeflatedSharpe:
    """Deflated Sharpe ratio of each parameter set (Bailey and Lopez de Prado 2014).

    Args:
        sharpe: shape (p,), ANNUALISED; NaN where unknown.
        variance: of the ANNUALISED Sharpe ratios of trials without skill, by luck alone; NaN where
            it is unknown.
        n_trials: how many independent trials were made, 1 or more; trials that resemble each other
            may be counted as fewer.
        n_periods: shape (p,) or one number: returns behind each Sharpe ratio, in the periods of
            `periods_per_year`.
        periods_per_year: of the returns, such as 365 for daily ones of a market without holidays.
        skewness: of the returns, shape (p,) or one number.
        kurtosis: plain, not excess (3 for the normal distribution), shape (p,) or one number.

    Returns:
        Values, shape (p,); NaN as in `probabilistic_sharpe_ratio`, and where more than one trial
        was made but their variance is unknown.

    Raises:
        ValueError: `periods_per_year` is not positive, `n_trials` is below 1, `variance` is
            negative or infinite, or shapes do not match.
    """
    if not (math.isfinite(periods_per_year) and periods_per_year > 0):
        raise ValueError(f"periods_per_year must be a positive number, got {periods_per_year}")
    annual = np.array(sharpe, dtype=np.float64)
    if annual.ndim != 1:
        raise ValueError(f"sharpe must have shape (p,), got {annual.shape}")
    periods = _per_set("n_periods", n_periods, annual.size)
    benchmark = expected_max_sharpe(variance / periods_per_year, n_trials)
    per_period = annual / math.sqrt(periods_per_year)
    value = probabilistic_sharpe_ratio(
        per_period,
        benchmark,
        periods,
        skewness=_per_set("skewness", skewness, annual.size),
        kurtosis=_per_set("kurtosis", kurtosis, annual.size),
    )
    return DeflatedSharpe(value, annual, benchmark * math.sqrt(periods_per_year), n_trials, periods)


def expected_max_sharpe(variance: float, n_trials: int) -> float:
    """Highest of `n_trials` Sharpe ratios that is expected when no trial has any skill.

    Source: Bailey and Lopez de Prado (2014), after the limit law of the maximum of normal draws.

    Args:
        variance: of the trials' PER-PERIOD Sharpe ratios; NaN when unknown. Annualised ones give
            an annualised result.
        n_trials: number of independent trials, 1 or more.

    Returns:
        SR0, per period: 0.0 for a single trial, whatever the variance; NaN for several trials of
        unknown variance.

    Raises:
        ValueError: fewer trials than one, or a variance that is negative or infinite.
    """
    if n_trials < 1:
        raise ValueError(f"n_trials must be 1 or more, got {n_trials}")
    if variance < 0 or math.isinf(variance):
        raise ValueError(f"variance must be finite and not negative, got {variance}")
    if n_trials == 1:
        return 0.0
    # Z^-1[1 - x] is written -Z^-1[x]: 1 - x has no digits left for very many trials.
    quantile = NormalDist().inv_cdf
    common = (1 - np.euler_gamma) * quantile(1 / n_trials)
    rare = np.euler_gamma * quantile(1 / (n_trials * math.e))
    return -math.sqrt(variance) * (common + rare)


@overload
def probabilistic_sharpe_ratio(
    sharpe: float,
    benchmark: float,
    n_periods: float,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float: ...


@overload
def probabilistic_sharpe_ratio(
    sharpe: Floats,
    benchmark: Floats | float,
    n_periods: Floats | float,
    *,
    skewness: Floats | float = 0.0,
    kurtosis: Floats | float = 3.0,
) -> Floats: ...


def probabilistic_sharpe_ratio(
    sharpe: Floats | float,
    benchmark: Floats | float,
    n_periods: Floats | float,
    *,
    skewness: Floats | float = 0.0,
    kurtosis: Floats | float = 3.0,
) -> Floats | float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (Bailey and Lopez de Prado 2012).

    All Sharpe ratios are PER PERIOD. It grows with `n_periods` where `sharpe > benchmark`. With
    strongly right-skewed returns it need not grow with `sharpe`: so does the estimate's error.

    Args:
        sharpe: measured, per period, any shape.
        benchmark: to be exceeded, per period; it and the following broadcast against `sharpe`.
        n_periods: returns behind `sharpe`.
        skewness: of the returns.
        kurtosis: plain, not excess (3 for the normal distribution).

    Returns:
        In [0, 1], of the common shape, a float for floats. NaN where an input is NaN, where
        there are fewer than two periods, and where the variance of the estimate,
        1 - g3 SR + (g4 - 1) / 4 SR^2, is not positive (no distribution has such moments) or not
        finite.
    """
    sr, b, t, g3, g4 = (
        np.asarray(x, dtype=np.float64) for x in (sharpe, benchmark, n_periods, skewness, kurtosis)
    )
    with np.errstate(over="ignore"):  # of an absurd ratio nothing is known
        spread = 1.0 - g3 * sr + (g4 - 1.0) / 4.0 * sr * sr
    known = (t >= 2) & (spread > 0) & np.isfinite(spread)
    error = np.sqrt(np.where(known, spread, np.nan) / np.where(known, t - 1.0, np.nan))
    found = normal_cdf((sr - b) / error)
    return found if found.ndim else float(found)


def normal_cdf(z: Floats) -> Floats:
    """Standard normal distribution function, any shape; NaN gives NaN."""
    # erfc keeps the digits of a tail that 1 + erf would round away.
    return np.asarray(0.5 * _erfc(np.asarray(z) / -math.sqrt(2.0)), dtype=np.float64)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _per_set(name: str, values: ArrayLike, size: int) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    if given.shape not in ((), (size,)):
        raise ValueError(f"{name} must be one number or have shape ({size},), got {given.shape}")
    return np.full(size, given)
