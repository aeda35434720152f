"""How often past choices beat the strategy's defaults, and how sure that rate is.

It is one rate of all choices, not something learnt of a single one. Richer models were tried on
two sets of instruments (rates by strategy and band of evidence, and those corrected by the lead
over the defaults, the windows behind a choice and its trades): forecast forwards, neither beat the
plain rate, so there is none.

Decisions of one quarter share their luck. With m of them and correlation rho each counts
1 / (1 + (m - 1) rho): a quarter's worth never exceeds 1 / rho, however many symbols were decided
for (the design effect of Kish 1965). Windows of half a year share it with the next quarter's, too:
as far as what neighbouring quarters are off by goes together, all counts less (Hansen and Hodrick
1980).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Version of the stored form; raise it when a stored rate would mean something else.
VERSION: Final = 2
#: Groups of quarters that are forecast one after the other.
FOLDS: Final = 8


@dataclass(frozen=True)
class Confidence:
    """The probability that a choice beats the defaults, as far as past choices tell.

    Attributes:
        value: in (0, 1), a tie counting half.
        low, high: interval of that rate at `level`.
        n, n_quarters: past decisions, and their distinct quarters.
        level: of the interval, in (0, 1).
    """

    value: float
    low: float
    high: float
    n: int
    n_quarters: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, from which `from_dict` makes an equal one, bit by bit."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Confidence:
        """The one that `to_dict` wrote.

        Raises:
            InvalidInputError: it is of another version.
        """
        if stored.get("version") != VERSION:
            message = f"a confidence of version {stored.get('version')}, not {VERSION}"
            raise InvalidInputError(message, field="version", remedy="fit it again")
        return cls(**{name: value for name, value in stored.items() if name != "version"})


def fit_confidence(
    won: Floats,
    quarter: Ints,
    *,
    min_outcomes: int = 100,
    min_quarters: int = 8,
    level: float = 0.9,
) -> Confidence | None:
    """The rate of past choices, or None where they are too few for any.

    Args:
        won: shape (n,), 1 beat the defaults, 0 did not, 0.5 earned the same; in any order.
        quarter: shape (n,), consecutive numbers of the calendar quarters in which the windows
            start (year x 4 + quarter), so that later is larger.
        min_outcomes: with fewer, nothing is said.
        min_quarters: likewise, of quarters.
        level: of the interval, in (0, 1).

    Raises:
        InvalidInputError: shapes differ, or an outcome is none of the three.
    """
    _check(won, quarter)
    n_quarters = len(np.unique(quarter))
    if not len(won) or len(won) < min_outcomes or n_quarters < min_quarters:
        return None
    value, n_effective = _rate(won, quarter)
    # On the scale of log odds, so that the interval stays within (0, 1).
    centre, error = np.log(value / (1 - value)), (value * (1 - value) * (n_effective + 2)) ** -0.5
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    low, high = (1 / (1 + np.exp(-np.array([centre - reach, centre + reach])))).tolist()
    return Confidence(value, low, high, len(won), n_quarters, level)


def forward_rates(
    won: Floats, quarter: Ints, *, min_outcomes: int, min_quarters: int, embargo: int
) -> tuple[Floats, Floats, Ints]:
    """What would have been said of each group of quarters by what was known before it.

    Args:
        won: as in `fit_confidence`.
        quarter: likewise.
        min_outcomes: that each of these rates needs.
        min_quarters: likewise.
        embargo: quarters before a group whose outcomes were not yet known then.

    Returns:
        Forecasts, outcomes and quarters of the decisions that could be forecast, shapes (m,).
    """
    _check(won, quarter)
    _, place, count = np.unique(quarter, return_inverse=True, return_counts=True)
    fold = ((np.cumsum(count) - count / 2) * FOLDS / max(len(won), 1)).astype(np.int64)[place]
    said = np.full(len(won), np.nan)
    for number in np.unique(fold):
        now = fold == number
        before = quarter < quarter[now].min() - embargo
        known = {"min_outcomes": min_outcomes, "min_quarters": min_quarters}
        found = fit_confidence(won[before], quarter[before], **known)
        said[now] = np.nan if found is None else found.value
    told = np.isfinite(said)
    return said[told], won[told], quarter[told]


def _rate(won: Floats, quarter: Ints) -> tuple[float, float]:
    """The rate, with one decision's worth of one half (Jeffreys), and how many it is worth."""
    order = np.lexsort((won, quarter))  # no sum depends on the order of the input
    won, quarter = won[order], quarter[order]
    _, place, count = np.unique(quarter, return_inverse=True, return_counts=True)
    weight = 1 / (1 + (count[place] - 1) * correlation(won, place))
    total = float(weight.sum())
    off = np.bincount(place, weight * (won - float(weight @ won) / total)).astype(np.float64)
    n_effective = total / _together(off, np.unique(quarter).astype(np.int64))
    value = (n_effective * float(weight @ won) / total + 0.5) / (n_effective + 1)
    return value, n_effective


def _together(off: Floats, quarters: Ints) -> float:
    """What neighbouring quarters do to the variance of a sum, a factor of 1 or more."""
    alone = float(off @ off)
    beside = float((off[1:] * off[:-1])[np.diff(quarters) == 1].sum())
    return max(1.0, 1 + 2 * beside / alone) if alone > 0 else 1.0


def correlation(values: Floats, cell: Ints) -> float:
    """Correlation within cells by the analysis of variance, in [0, 1].

    It is one standard error above the estimate (at least 0): a correlation that is taken for too
    small makes everything that rests on it look certain. 1 where it cannot be told: no cell holds
    two values, there is one cell, or nothing differs.

    Args:
        values: shape (n,).
        cell: shape (n,), labels from 0 on.
    """
    size = np.bincount(cell).astype(np.float64)
    n, free_within, free_between = len(values), len(values) - len(size), len(size) - 1
    if not free_within or not free_between:
        return 1.0
    mean = np.bincount(cell, values) / size
    within = float(((values - mean[cell]) ** 2).sum()) / free_within
    between = float((size * (mean - values.mean()) ** 2).sum()) / free_between
    typical = (n - float((size**2).sum()) / n) / free_between
    shared = max(0.0, (between - within) / typical)
    high = shared + (2 / free_between) ** 0.5 * between / typical
    return high / (high + within) if high + within > 0 else 1.0


def _check(won: Floats, quarter: Ints) -> None:
    if won.ndim != 1 or quarter.shape != won.shape:
        message = f"shape {quarter.shape} for {won.shape} outcomes"
        raise InvalidInputError(message, field="quarter", remedy="one quarter per outcome")
    bad = ~np.isin(won, (0.0, 0.5, 1.0))
    if bad.any():
        row = int(bad.argmax())
        remedy = "an outcome is 0, 0.5 (a tie) or 1"
        raise InvalidInputError(f"{won[row]} is none", field="won", row=row + 1, remedy=remedy)
