"""What a trial is judged by: a registry of objectives computed from stored metrics.

One set of trials answers several objectives, because a score is computed from the stored
metrics wherever a formula exists. Every objective is oriented so that a higher *utility* is
better: `utility = score` when the direction is "max", `-score` when it is "min".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import UnknownObjectiveError

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]

#: Penalty of `sharpe_dd_penalty` per unit of drawdown: 0.02 Sharpe per percentage point.
DRAWDOWN_PENALTY = 2.0
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
    """

    name: str
    direction: Literal["max", "min"]
    unit: str
    description: str
    formula: Callable[[Columns], Floats] | None = None
    break_even: float | None = None

    @property
    def sign(self) -> float:
        """+1 when more is better, -1 when less is."""
        return 1.0 if self.direction == "max" else -1.0


def _calmar(m: Columns) -> Floats:
    years = np.where(m["years"] > 0, m["years"], np.nan)
    growth = np.maximum(1.0 + m["return_frac"], 0.0)
    loss = m["max_drawdown_frac"]
    drawdown = np.where(loss >= MIN_CALMAR_DRAWDOWN, loss, np.nan)
    with np.errstate(over="ignore"):  # a fortune in an hour has no annual rate: infinite, unused
        annual = growth ** (1.0 / years) - 1.0
    return np.asarray(annual / drawdown, dtype=np.float64)


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
            "largest peak-to-trough loss of equity",
            lambda m: m["max_drawdown_frac"],
        ),
        Objective(
            "profit_factor",
            "max",
            "ratio",
            "gross profit over gross loss",
            lambda m: m["profit_factor"],
            break_even=1.0,
        ),
        Objective(
            "win_rate", "max", "fraction", "winning trades over all trades", lambda m: m["win_rate"]
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


def score(objective: Objective, metrics: Columns, stored: Floats) -> Floats:
    """The objective's score per row.

    Args:
        objective: what to compute.
        metrics: columns `sharpe`, `return_frac`, `max_drawdown_frac`, `n_trades`, `win_rate`,
            `profit_factor`, `years` of one sample, shape (n,), NaN where unknown.
        stored: the `objective_score` given with the trial where its `objective_type` is this
            objective, NaN elsewhere, shape (n,).

    Returns:
        The formula's value, else the stored score, else NaN; shape (n,).
    """
    if objective.formula is None:
        return stored
    computed = objective.formula(metrics)
    return np.where(np.isfinite(computed), computed, stored)
