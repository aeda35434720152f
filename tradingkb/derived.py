"""Columns derived from a trial's stored metrics, as Polars expressions.

The index payload and the recommendation use the same definitions, so that a filter means the
same in the vector search and in the exact counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import METRICS, Objective, same_score

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A trial has an out-of-sample result when any of its out-of-sample metrics is known.
HAS_OOS: Final = pl.any_horizontal(pl.col(f"{m}_oos").is_not_null() for m in METRICS).alias(
    "has_oos"
)


def _of_scored_sample(metric: str) -> pl.Expr:
    return pl.when(HAS_OOS).then(f"{metric}_oos").otherwise(f"{metric}_is")


#: Drawdown of the sample that earned the score, a positive fraction.
MAX_DRAWDOWN: Final = _of_scored_sample("max_drawdown_frac").alias("max_drawdown")
#: Trades of both samples: a slow set trades twice in half a year, and often enough in the whole
#: trial. Counted in the scored sample alone, "at least 5" turns away the sets that do best
#: (walk-forward regret on the development trials 0.4095, with both samples 0.4026).
N_TRADES: Final = (
    pl.when(pl.any_horizontal(pl.col("n_trades_is", "n_trades_oos").is_not_null()))
    .then(pl.sum_horizontal("n_trades_is", "n_trades_oos"))
    .alias("n_trades")
)
#: max(0, sharpe_is - sharpe_oos); null when either is missing.
OVERFIT_GAP: Final = (
    (pl.col("sharpe_is") - pl.col("sharpe_oos")).clip(lower_bound=0.0).alias("overfit_gap")
)

FILTER_COLUMNS: Final = (HAS_OOS, MAX_DRAWDOWN, N_TRADES, OVERFIT_GAP)


def stored_score(
    objective: Objective,
    trials: pl.DataFrame,
    sample: str,
    ended: Bools,
    inside: Mapping[str, Floats],
) -> Floats:
    """`objective_score` where it is of this objective and of this sample; NaN elsewhere, (n,).

    Args:
        objective: which.
        trials: objective_type, objective_score and objective_sample of each, and has_oos where
            there are `untold_samples`.
        sample: "is" or "oos".
        ended: shape (n,), whether the trial's window names an end of its out-of-sample part.
        inside: in-sample metrics by name, read where the sample of a score is not told.
    """
    same = trials["objective_type"] == objective.name
    if not same.any():
        return np.full(trials.height, np.nan)
    stored = trials["objective_score"].cast(pl.Float64).to_numpy()
    oos = (trials["objective_sample"] == "oos").fill_null(False).to_numpy()
    untold = untold_samples(objective, trials)
    if untold.any():
        taken = _taken_as_oos(objective, stored, ended | trials["has_oos"].to_numpy(), inside)
        oos = np.where(untold, taken, oos)
    of_sample = same.to_numpy() & (oos if sample == "oos" else ~oos)
    return np.where(of_sample, stored, np.nan)


def untold_samples(objective: Objective, trials: pl.DataFrame) -> Bools:
    """Which trials have a score of this objective and do not say of which sample, shape (n,)."""
    mine = (trials["objective_type"] == objective.name) & trials["objective_score"].is_not_null()
    return np.asarray((mine & trials["objective_sample"].is_null()).to_numpy())


def _taken_as_oos(
    objective: Objective, stored: Floats, possible: Bools, inside: Mapping[str, Floats]
) -> Bools:
    """Which scores an ingest before schema 0006 took as out-of-sample, shape (n,)."""
    if objective.formula is None:
        return possible
    # Where no other score was known, it stored what the in-sample metrics give.
    return np.asarray(possible & ~same_score(stored, objective.formula(inside)))
