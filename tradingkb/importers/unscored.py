"""Results without a score: no trade in a window, and metrics that a tool found undefined.

They are results. Refused or left out, the windows in which a set was lucky would speak for it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import METRICS, stayed_out
from tradingkb.importers.checks import Problems
from tradingkb.importers.columns import COLUMNS

SAMPLES: Final = ("oos", "is")
SECONDS_PER_YEAR: Final = 365.25 * 86400
_CALLED: Final = {"oos": "out-of-sample", "is": "in-sample"}


def metric_columns(frame: pl.DataFrame, sample: str) -> dict[str, NDArray[Any]]:
    """The metrics of one sample as float arrays, NaN where unknown, and `years` of its window."""
    columns = {m: frame[f"{m}_{sample}"].cast(pl.Float64).to_numpy() for m in METRICS}
    length = (frame[f"{sample}_end"] - frame[f"{sample}_start"]).dt.total_seconds(fractional=True)
    return {**columns, "years": (length / SECONDS_PER_YEAR).cast(pl.Float64).to_numpy()}


def results(frame: pl.DataFrame, problems: Problems) -> pl.Series:
    """Rows that are results though they may have no score, shape (n,).

    Those without a trade, and those of which the source says that a metric is undefined, where
    another one is known.
    """
    idle = [stayed_out(metric_columns(frame, sample)) for sample in SAMPLES]
    known = pl.any_horizontal(pl.col(f"{m}_{s}").is_not_null() for m in METRICS for s in SAMPLES)
    undefined = problems.undefined(frame) & frame.select(known).to_series()
    return undefined | pl.Series(np.any(idle, axis=0))


def notes(good: pl.DataFrame, problems: Problems) -> list[str]:
    """What was taken as missing, and how many trials made no trade."""
    return [
        *(_undefined(name, n) for name, n in problems.infinite_counts.items()),
        *(text for sample in SAMPLES for text in _idle(good, sample)),
    ]


def _undefined(name: str, n: int) -> str:
    most = COLUMNS[name].undefined
    if most is None or math.isnan(most):
        return f"{n} infinite values of {name} taken as missing"
    return f"{n} infinite values of {name}: no trade lost; taken as {most:g}, the most that counts"


def _idle(good: pl.DataFrame, sample: str) -> list[str]:
    """No trade in a window is a result: left out, luck would choose the windows that count."""
    unknown = good[f"sharpe_{sample}"].is_null().to_numpy()
    n = int((stayed_out(metric_columns(good, sample)) & unknown).sum())
    return [f"{n} trials made no trade {_CALLED[sample]}: their Sharpe ratio is 0 there"] * (n > 0)
