"""Columns derived from a trial's stored metrics, as Polars expressions.

The index payload and the recommendation use the same definitions, so that a filter means the
same in the vector search and in the exact counts.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tradingkb.domain.trial import METRICS

#: A trial has an out-of-sample result when any of its out-of-sample metrics is known.
HAS_OOS: Final = pl.any_horizontal(pl.col(f"{m}_oos").is_not_null() for m in METRICS).alias(
    "has_oos"
)


def _of_scored_sample(metric: str) -> pl.Expr:
    return pl.when(HAS_OOS).then(f"{metric}_oos").otherwise(f"{metric}_is")


#: Drawdown of the sample that earned the score, a positive fraction.
MAX_DRAWDOWN: Final = _of_scored_sample("max_drawdown_frac").alias("max_drawdown")
#: Trades in the sample that earned the score.
N_TRADES: Final = _of_scored_sample("n_trades").alias("n_trades")
#: max(0, sharpe_is - sharpe_oos); null when either is missing.
OVERFIT_GAP: Final = (
    (pl.col("sharpe_is") - pl.col("sharpe_oos")).clip(lower_bound=0.0).alias("overfit_gap")
)

FILTER_COLUMNS: Final = (HAS_OOS, MAX_DRAWDOWN, N_TRADES, OVERFIT_GAP)
