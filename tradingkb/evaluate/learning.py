"""From replayed decisions to outcomes, and from outcomes to a confidence and its scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.evaluate.hindsight import beats
from tradingkb.evaluate.replay import Replayed
from tradingkb.ranking import Outcomes, fit_confidence, forecasts, intraclass
from tradingkb.ranking import calibration as cal
from tradingkb.recommend import STAKE_FEATURES

Floats = NDArray[np.float64]

#: Fewer comparable outcomes, from fewer quarters, and nothing is said.
MIN_OUTCOMES: Final = 100
MIN_QUARTERS: Final = 8
#: Quarters before a forecast whose outcomes were not yet known: windows of half a year.
EMBARGO_QUARTERS: Final = 2
_BAND_LEVEL: Final = 0.9
_RESAMPLES: Final = 500

OUTCOME_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "strategy_name": pl.String,
    "window_key": pl.String,
    "fingerprint": pl.String,
    "as_of": pl.Datetime("us", "UTC"),
    "known_at": pl.Datetime("us", "UTC"),
    "quarter": pl.Int64,
    "status": pl.String,
    "band": pl.Int64,
    "features": pl.String,
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
    d, stake = one.decision, one.facts["stake"]
    mine, defaults = one.outcomes.get("tradingkb"), one.outcomes.get("defaults")
    won = float("nan")
    if stake and mine and defaults and mine.exact and defaults.exact:
        won = beats(mine.utility, defaults.utility)
    features = [None if np.isnan(v) else v for v in stake.features] if stake else []
    return {
        "strategy_name": d.strategy_name,
        "window_key": d.window_key,
        "fingerprint": fingerprint,
        "as_of": d.as_of,
        "known_at": d.known_at,
        "quarter": d.quarter,
        "status": one.facts["status"],
        "band": stake.band if stake else None,
        "features": json.dumps(features),
        "won": None if np.isnan(won) else won,
    }


def to_outcomes(frame: pl.DataFrame, strategies: list[str]) -> Outcomes:
    """The comparable ones as arrays; strategies coded by their place in the list."""
    known = frame.filter(pl.col("won").is_not_null() & pl.col("band").is_not_null())
    rows = [json.loads(text) for text in known["features"]]
    features = np.array(rows, dtype=np.float64).reshape(len(rows), len(STAKE_FEATURES))
    return Outcomes(
        won=known["won"].to_numpy(),
        strategy=np.array([strategies.index(n) for n in known["strategy_name"]], dtype=np.int64),
        band=known["band"].cast(pl.Int64).to_numpy(),
        quarter=known["quarter"].cast(pl.Int64).to_numpy(),
        features=features,
    )


def calibration_scores(outcomes: Outcomes, seed: int) -> dict[str, Any] | None:
    """How well the confidence would have forecast the past, always by models fitted before it.

    Returns:
        n, n_quarters, base_rate (of what was forecast), kind (the model that speaks now), the
        parts of the Brier score (CORP), `skill` over the base rate of then, ece beside its null
        level, `steps` and `band` of the reliability diagram; None where too little is known.
    """
    rng = np.random.default_rng(seed)
    limits = {"min_outcomes": MIN_OUTCOMES, "min_quarters": MIN_QUARTERS}
    model = fit_confidence(outcomes, rng=rng, embargo_quarters=EMBARGO_QUARTERS, **limits)
    past = forecasts(outcomes.in_order(), MIN_OUTCOMES, MIN_QUARTERS, EMBARGO_QUARTERS)
    if model is None or not past:
        return None
    name = model.rates + ("+" if model.kind == "logistic" else "")
    p, won = past[name], past["won"]
    found = cal.corp(p, won)
    # Decisions of one quarter share their luck: without that, the band would be too narrow.
    clusters = np.unique(past["quarter"], return_inverse=True)[1]
    shared = intraclass(won - p, np.zeros(len(p), dtype=np.int64), clusters)
    rho = shared.within if shared else 0.0
    null = cal.ece_null_level(p, _RESAMPLES, rng, clusters=clusters, correlation=rho)
    band = cal.consistency_band(p, _RESAMPLES, _BAND_LEVEL, rng, clusters=clusters, correlation=rho)
    return {
        "n": len(p),
        "n_quarters": len(np.unique(past["quarter"])),
        "base_rate": float(won.mean()),
        "kind": model.kind,
        **vars(found.decomposition),
        "skill": {name: vars(s) for name, s in model.skill.items()},
        "ece": cal.ece(p, won),
        "ece_null_mean": null.mean,
        "ece_null_high": null.high,
        "steps": [_step(s) for s in found.steps],
        "band": _band(band),
    }


def _step(step: cal.Step) -> dict[str, float]:
    return {"low": step.x_low, "high": step.x_high, "recalibrated": step.recalibrated, "n": step.n}


def _band(band: cal.Band) -> list[dict[str, float]]:
    rows = zip(band.x.tolist(), band.low.tolist(), band.high.tolist(), strict=True)
    return [{"x": x, "low": low, "high": high} for x, low, high in rows]
