"""What a trial is judged by: a registry of objectives computed from stored metrics.

One set of trials answers several objectives, because a score is computed from the stored
metrics wherever a formula exists. Every objective is oriented so that a higher *utility* is
better: `utility = score` when the direction is "max", `-score` when it is "min".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import UnknownObjectiveError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Columns = Mapping[str, Floats]

#: Scores that differ by less than this share of themselves are one.
_SAME: Final = 1e-6
#: A score with more decimals than this is not rounded.
_MOST_DECIMALS: Final = 6
#: Metrics that are 0 where there was no position.
_RESULTS: Final = ("sharpe", "return_frac", "max_drawdown_frac")

#: Penalty of `sharpe_dd_penalty` per unit of drawdown: 0.02 Sharpe per percentage point.
DRAWDOWN_PENALTY = 2.0
#: A profit factor counts up to here: gross profit of ten times the loss and a window without any
#: loss are alike, and one lucky window does not outweigh a hundred others.
MAX_PROFIT_FACTOR = 10.0
#: Calmar ratios are undefined without a drawdown; below this one (0.1 %) they mean nothing.
MIN_CALMAR_DRAWDOWN = 1e-3


@dataclass(frozen=True)
class Objective:
    """A named score with its direction, unit and formula.

    Attributes:
        name: what `objective_type` holds.
        direction: "max" when more is better, "min" when less is.
        unit: how a value reads.
        formula: the score of every row from the metric columns of one sample (in-sample or
            out-of-sample, names without suffix, NaN where unknown), or None when the score
            can only be stored (`objective_score`).
        description: the formula in words, with its source.
        break_even: the score of a strategy that neither earns nor loses; None where a score says
            nothing of that.
        idle: the score of a sample in which the strategy stayed out of the market; None where that
            is no result: who never trades has the least drawdown, and has not earned it.
        low, high: what a score can be at least and at most; infinite where nothing bounds it.
    """

    name: str
    direction: Literal["max", "min"]
    unit: str
    description: str
    formula: Callable[[Columns], Floats] | None = None
    break_even: float | None = None
    idle: float | None = 0.0
    low: float = -math.inf
    high: float = math.inf

    @property
    def sign(self) -> float:
        """+1 when more is better, -1 when less is."""
        return 1.0 if self.direction == "max" else -1.0

    def to_dict(self) -> dict[str, str | float | None]:
        """Its facts, without the formula; None for a bound that there is not."""
        return {
            "name": self.name,
            "direction": self.direction,
            "unit": self.unit,
            "description": self.description,
            "break_even": self.break_even,
            "idle": self.idle,
            "low": self.low if math.isfinite(self.low) else None,
            "high": self.high if math.isfinite(self.high) else None,
        }


def _calmar(m: Columns) -> Floats:
    years = np.where(m["years"] > 0, m["years"], np.nan)
    growth = np.maximum(1.0 + m["return_frac"], 0.0)
    loss = m["max_drawdown_frac"]
    drawdown = np.where(loss >= MIN_CALMAR_DRAWDOWN, loss, np.nan)
    with np.errstate(over="ignore"):  # a fortune in an hour has no annual rate: infinite, unused
        annual = growth ** (1.0 / years) - 1.0
    return np.asarray(annual / drawdown, dtype=np.float64)


def _profit_factor(m: Columns) -> Floats:
    """As given; else what the share of winning trades says of it where none, or all of them won."""
    shares = np.select([m["win_rate"] >= 1.0, m["win_rate"] <= 0.0], [MAX_PROFIT_FACTOR, 0.0])
    one_sided = (m["win_rate"] >= 1.0) | (m["win_rate"] <= 0.0)
    found = np.where(np.isnan(m["profit_factor"]) & one_sided, shares, m["profit_factor"])
    return np.minimum(found, MAX_PROFIT_FACTOR)


def _sharpe_dd_penalty(m: Columns) -> Floats:
    return np.asarray(m["sharpe"] - DRAWDOWN_PENALTY * m["max_drawdown_frac"], dtype=np.float64)


_REGISTRY: dict[str, Objective] = {
    o.name: o
    for o in (
        Objective(
            "sharpe",
            "max",
            "annualised",
            "Sharpe ratio, no risk-free rate (Sharpe 1994)",
            lambda m: m["sharpe"],
            break_even=0.0,
        ),
        Objective(
            "sortino",
            "max",
            "annualised",
            "Sortino ratio (Sortino and Price 1994); only as a stored objective_score",
            break_even=0.0,
        ),
        Objective(
            "calmar",
            "max",
            "ratio",
            "compound annual growth rate over maximum drawdown (Young 1991)",
            _calmar,
            break_even=0.0,
        ),
        Objective(
            "return",
            "max",
            "fraction",
            "net return over the window",
            lambda m: m["return_frac"],
            break_even=0.0,
        ),
        Objective(
            "max_drawdown",
            "min",
            "fraction",
            "largest peak-to-trough loss of equity; unknown where nothing was traded",
            lambda m: m["max_drawdown_frac"],
            idle=None,
            low=0.0,
            high=1.0,
        ),
        Objective(
            "profit_factor",
            "max",
            "ratio",
            f"gross profit over gross loss, {MAX_PROFIT_FACTOR:g} at most and where no trade lost; "
            "1 where nothing was traded",
            _profit_factor,
            break_even=1.0,
            idle=1.0,
            low=0.0,
            high=MAX_PROFIT_FACTOR,
        ),
        Objective(
            "win_rate",
            "max",
            "fraction",
            "winning trades over all trades; 0 where nothing was traded",
            lambda m: m["win_rate"],
            low=0.0,
            high=1.0,
        ),
        Objective(
            "sharpe_dd_penalty",
            "max",
            "annualised",
            f"Sharpe ratio minus {DRAWDOWN_PENALTY:g} x maximum drawdown",
            _sharpe_dd_penalty,
        ),
    )
}


def objectives() -> tuple[Objective, ...]:
    """Every objective that can be asked for, in the order of registration."""
    return tuple(_REGISTRY.values())


def get_objective(name: str) -> Objective:
    """The objective of that name.

    Raises:
        UnknownObjectiveError: no such objective; near names are suggested.
    """
    try:
        return _REGISTRY[name]
    except (KeyError, TypeError):
        raise UnknownObjectiveError("objective_type", str(name), _REGISTRY) from None


def same_score(stored: Floats, value: Floats) -> Bools:
    """Whether a score is this value, rounded to the decimals that it has; shape (n,).

    A score of a whole number is taken as one of a single decimal; 32-bit floats are close enough.
    """
    tolerance = _SAME * np.abs(value)
    for decimals in range(_MOST_DECIMALS, 0, -1):
        rounded = np.isclose(stored, np.round(stored, decimals), 1e-12, 0.0)
        tolerance = np.where(rounded, 0.5 * 10.0**-decimals * (1 + _SAME), tolerance)
    return np.asarray(np.abs(stored - value) <= tolerance)


def stayed_out(metrics: Columns) -> Bools:
    """Which rows are known to have had no trade, and no open position either; shape (n,).

    A sample without a closed trade that gained, lost or drew down held a position all along.
    """
    results = (metrics[name] for name in _RESULTS)
    moved = [np.isfinite(found) & (found != 0.0) for found in results]
    return np.asarray((metrics["n_trades"] == 0) & ~np.any(moved, axis=0))


def score(objective: Objective, metrics: Columns, stored: Floats) -> Floats:
    """The objective's score per row.

    Args:
        objective: what to compute.
        metrics: columns `sharpe`, `return_frac`, `max_drawdown_frac`, `n_trades`, `win_rate`,
            `profit_factor`, `years` of one sample, shape (n,), NaN where unknown.
        stored: the `objective_score` given with the trial where its `objective_type` is this
            objective, NaN elsewhere, shape (n,).

    Returns:
        What the objective says of a sample without a trade where there was none; else the
        formula's value, else the stored score, else NaN; shape (n,).
    """
    found = stored
    if objective.formula is not None:
        computed = objective.formula(metrics)
        found = np.where(np.isfinite(computed), computed, stored)
    idle = np.nan if objective.idle is None else objective.idle
    return np.where(stayed_out(metrics), idle, np.clip(found, objective.low, objective.high))
