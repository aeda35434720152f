"""Windows of trials and their regimes: measured once per window, never twice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import FEATURES, RegimeScaler, regime_from_json, regime_to_json
from tradingkb.regimes import WindowNote, measure_windows

Floats = NDArray[np.float64]

WINDOW_COLUMNS: Final = (
    "window_key",
    "symbol",
    "timeframe",
    "is_start",
    "is_end",
    "oos_start",
    "oos_end",
    "regime_is",
    "regime_oos",
)
#: A scaler is fitted again when the windows have multiplied by this since its last fit.
REFIT_GROWTH: Final = 2.0


def merge_windows(incoming: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The windows of the incoming trials; regimes given with a trial come before stored ones."""
    fresh = incoming.group_by("window_key").agg(
        *(pl.col(c).first() for c in WINDOW_COLUMNS[1:7]),
        pl.col("regime_is").min(),
        pl.col("regime_oos").min(),
    )
    known = stored.select(
        "window_key", pl.col("regime_is").alias("known_is"), pl.col("regime_oos").alias("known_oos")
    )
    merged = fresh.join(known, on="window_key", how="left")
    return merged.select(
        *WINDOW_COLUMNS[:7],
        pl.coalesce("regime_is", "known_is").alias("regime_is"),
        pl.coalesce("regime_oos", "known_oos").alias("regime_oos"),
    ).sort("window_key")


def measure_missing(windows: pl.DataFrame, ohlcv: Any) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """Measures the regimes that are missing.

    Returns:
        The windows, how many were measured, and notes on those that could not be.
    """
    missing = windows.filter(
        (pl.col("regime_is").is_null() & pl.col("is_start").is_not_null())
        | (pl.col("regime_oos").is_null() & pl.col("oos_start").is_not_null())
    )
    if ohlcv is None or missing.is_empty():
        return windows, 0, ()
    regimes, problems = measure_windows(ohlcv, missing)
    found = {
        key: tuple(regime_to_json(r) if r is not None else None for r in pair)
        for key, pair in regimes.items()
    }
    measured = pl.DataFrame(
        {
            "window_key": list(found),
            "new_is": [a for a, _ in found.values()],
            "new_oos": [b for _, b in found.values()],
        },
        schema={"window_key": pl.String, "new_is": pl.String, "new_oos": pl.String},
    )
    merged = windows.join(measured, on="window_key", how="left", maintain_order="left").select(
        *WINDOW_COLUMNS[:7],
        pl.coalesce("regime_is", "new_is").alias("regime_is"),
        pl.coalesce("regime_oos", "new_oos").alias("regime_oos"),
    )
    n = sum(any(pair) for pair in found.values())
    return merged, n, _summaries(problems)


def _summaries(problems: Sequence[WindowNote]) -> tuple[str, ...]:
    """One sentence per cause, not one per window."""
    causes = Counter(problem.message for problem in problems)
    return tuple(f"no regime: {text} [{n} window parts]" for text, n in sorted(causes.items()))


def changed_windows(windows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The windows that are new or have other regimes than the stored ones."""
    return windows.join(
        stored.select("window_key", "regime_is", "regime_oos"),
        on=["window_key", "regime_is", "regime_oos"],
        how="anti",
        nulls_equal=True,
    )


def feature_matrix(regimes: Iterable[str | None]) -> Floats:
    """Raw features of regimes given as JSON texts, shape (n, 16); rows of NaN for null."""
    rows = [_features(text) for text in regimes]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _features(text: str | None) -> Floats:
    return regime_from_json(text).vector() if text else np.full(len(FEATURES), np.nan)


def refit_at(known: RegimeScaler | None) -> int:
    """From how many windows with a regime on a scaler is fitted anew."""
    return math.ceil(REFIT_GROWTH * known.n_windows) if known else 1


def count_fresh(trials: pl.DataFrame, stored: pl.DataFrame, *, measuring: bool) -> int:
    """How many windows without a stored regime may get one from these trials, or from prices."""
    regime = pl.any_horizontal(pl.col("regime_is", "regime_oos").is_not_null())
    bring = trials.select("window_key", fresh=regime | pl.lit(measuring)).filter("fresh")
    have = stored.filter(regime)
    return bring.join(have, on="window_key", how="anti")["window_key"].n_unique()


def current_scaler(known: RegimeScaler | None, windows: pl.DataFrame) -> RegimeScaler | None:
    """The known scaler, or a new version when there is none or the windows have doubled.

    It is fitted on the regimes before and during all windows, so it does not depend on the order
    in which they came. None while no window has a regime.
    """
    texts = windows.filter(pl.any_horizontal(pl.col("regime_is", "regime_oos").is_not_null()))
    if texts.is_empty() or texts.height < refit_at(known):
        return known
    both = pl.concat([texts["regime_is"], texts["regime_oos"]]).drop_nulls().sort()
    fitted = RegimeScaler.fit(feature_matrix(both), version=(known.version + 1) if known else 1)
    return RegimeScaler(fitted.version, fitted.center, fitted.width, texts.height)
