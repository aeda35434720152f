"""From replayed decisions to outcomes, and how good a confidence fitted on them would have been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.evaluate.hindsight import beats
from tradingkb.evaluate.replay import Replayed
from tradingkb.ranking import fit_confidence, forward_rates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Fewer comparable outcomes, from fewer quarters, and nothing is said.
MIN_OUTCOMES: Final = 100
MIN_QUARTERS: Final = 8
#: Quarters before a forecast whose outcomes were not yet known: windows of half a year.
EMBARGO_QUARTERS: Final = 2

OUTCOME_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "strategy_name": pl.String,
    "window_key": pl.String,
    "fingerprint": pl.String,
    "as_of": pl.Datetime("us", "UTC"),
    "known_at": pl.Datetime("us", "UTC"),
    "quarter": pl.Int64,
    "won": pl.Float64,
}


def outcome_frame(replayed: Sequence[Replayed], fingerprint: str = "") -> pl.DataFrame:
    """One row per decision; `won` is null where there is nothing to compare with the defaults.

    Args:
        replayed: decisions with outcomes.
        fingerprint: of what they were made with.
    """
    return pl.DataFrame([_row(one, fingerprint) for one in replayed], schema=OUTCOME_SCHEMA)


def _row(one: Replayed, fingerprint: str) -> dict[str, Any]:
    d, won = one.decision, _won(one)
    return {
        "strategy_name": d.strategy_name,
        "window_key": d.window_key,
        "fingerprint": fingerprint,
        "as_of": d.as_of,
        "known_at": d.known_at,
        "quarter": d.quarter,
        "won": None if np.isnan(won) else won,
    }


def _won(one: Replayed) -> float:
    """1, 0.5 or 0 against the defaults; NaN where the choice is them or a result is missing."""
    mine, defaults = (one.outcomes.get(name) for name in ("tradingkb", "defaults"))
    same = one.chosen.get("tradingkb") == one.chosen.get("defaults")
    if same or not (mine and defaults and mine.exact and defaults.exact):
        return float("nan")
    return beats(mine.utility, defaults.utility)


def to_outcomes(frame: pl.DataFrame) -> tuple[Floats, Ints]:
    """What the comparable decisions won, and the quarters of their windows, shapes (n,)."""
    known = frame.filter(pl.col("won").is_not_null())
    return known["won"].to_numpy(), known["quarter"].cast(pl.Int64).to_numpy()


def calibration_scores(won: Floats, quarter: Ints) -> dict[str, Any] | None:
    """How good the confidence would have been, each forecast by outcomes that were known before it.

    Returns:
        n and n_quarters of what was forecast; forecast and happened, the means, with low and high,
        the 90 % interval of what happened; brier, the mean squared error of the forecasts (Brier
        1950, lower is better), and brier_hindsight, that of always saying what happened on
        average. None where too little is known.
    """
    limits = {"min_outcomes": MIN_OUTCOMES, "min_quarters": MIN_QUARTERS}
    said, came, when = forward_rates(won, quarter, **limits, embargo=EMBARGO_QUARTERS)
    rate = fit_confidence(came, when, min_outcomes=1, min_quarters=2)
    if rate is None:
        return None
    happened = float(came.mean())
    return {
        "n": len(said),
        "n_quarters": rate.n_quarters,
        "forecast": float(said.mean()),
        "happened": happened,
        "low": rate.low,
        "high": rate.high,
        "brier": float(((said - came) ** 2).mean()),
        "brier_hindsight": float(((happened - came) ** 2).mean()),
    }
