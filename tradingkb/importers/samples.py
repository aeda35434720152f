"""Of which sample an objective's score is: said, or found out, and never guessed in favour of it.

An optimiser's best value is in-sample, rounded or of an objective of its own as it may be. So a
score that does not say of which sample it is counts as out-of-sample only where that is sure.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import METRICS, get_objective, same_score, score
from tradingkb.importers.unscored import SAMPLES, metric_columns

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def with_scores(frame: pl.DataFrame) -> tuple[pl.DataFrame, Bools]:
    """Fills `objective_score` with the objective's OOS value, else its IS value.

    Returns:
        The frame, with `sample` of each score; and which scores count as in-sample because nothing
        says of which sample they are, shape (n,).
    """
    given = frame["objective_score"].to_numpy().astype(np.float64)
    values = {sample: _computed(frame, sample) for sample in SAMPLES}
    known = [np.isfinite(scores) for scores in (given, *values.values())]
    filled = np.select(known, [given, *values.values()], np.nan)
    is_given = np.isfinite(given)
    sure, unsure = _of_given(frame, given, values)
    oos = np.where(is_given, sure, np.isfinite(values["oos"]))
    sample = pl.Series("sample", np.where(oos, "oos", "is"))
    scores = pl.Series("objective_score", filled).fill_nan(None)
    told = frame["objective_sample"]
    sample = told.zip_with(pl.Series(is_given) & told.is_not_null(), sample)
    open_scores = is_given & told.is_null().to_numpy() & unsure
    return frame.with_columns(scores, sample.alias("sample")), open_scores


def _computed(frame: pl.DataFrame, sample: str) -> Floats:
    """Each row's objective from its metrics, NaN where they do not suffice."""
    found = np.full(frame.height, np.nan)
    metrics = metric_columns(frame, sample)
    for name in frame["objective_type"].unique():
        mine = (frame["objective_type"] == name).to_numpy()
        computed = score(get_objective(name), metrics, np.full(frame.height, np.nan))
        found[mine] = computed[mine]
    return found


def _of_given(frame: pl.DataFrame, given: Floats, values: dict[str, Floats]) -> tuple[Bools, Bools]:
    """Which given scores are out-of-sample for sure, and of which nothing says what they are."""
    has = {sample: _has(frame, sample) for sample in SAMPLES}
    near = {sample: same_score(given, values[sample]) for sample in SAMPLES}
    sure = np.asarray(has["oos"] & (~has["is"] | near["oos"]))
    # Where the metrics say the out-of-sample score themselves, the given one is not needed.
    needed = ~np.isfinite(values["oos"])
    return sure, np.asarray(has["oos"] & has["is"] & needed & ~near["oos"] & ~near["is"])


def _has(frame: pl.DataFrame, sample: str) -> Bools:
    """Whether anything is said of a sample: a metric, or its dates."""
    names = [f"{name}_{sample}" for name in METRICS] + [f"{sample}_start", f"{sample}_end"]
    said = pl.any_horizontal(pl.col(name).is_not_null() for name in names)
    return frame.select(said).to_series().to_numpy()
