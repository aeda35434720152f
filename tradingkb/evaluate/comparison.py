"""Tables over replayed decisions: every method beside the others, with intervals."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.evaluate.clusters import cluster_interval
from tradingkb.evaluate.methods import METHODS

#: What decisions may share their luck by.
CLUSTERS: Final = ("symbol", "as_of", "quarter")
#: Differences are taken to these; negative is better than them.
REFERENCES: Final = ("average", "average_others", "defaults", "is_best")
#: What exact results alone are compared with.
EXACT_REFERENCE: Final = "average"
#: Variants and controls are also taken to what they were made from: what does the change do?
ORIGINALS: Final = {
    "stated": "tradingkb",
    "no_regime": "tradingkb",
    "no_own_results": "tradingkb",
    "no_own_history": "tradingkb",
    "placebo": "tradingkb",
    "random_windows": "knn",
}


def common(decisions: pl.DataFrame) -> pl.DataFrame:
    """The decisions in which every method that ever chose has a result.

    kNN needs a measured regime and the defaults a declaration: a method that is missing throughout
    is left out instead of leaving nothing.
    """
    methods = decisions.filter("chosen")["method"].unique()
    present = decisions.filter(pl.col("method").is_in(methods.implode()))
    complete = present.group_by("decision").agg(pl.col("chosen").all()).filter("chosen")
    return present.join(complete.select("decision"), on="decision", how="semi")


def method_table(decisions: pl.DataFrame) -> pl.DataFrame:
    """One row per method over the common decisions.

    Columns: method, n, regret, rank, objective, return_frac (means), beats_defaults (share of the
    decisions where it chose something else than the defaults), is_defaults and exact (share whose
    result is the chosen set's own, not a near one's); per reference the mean difference of regret
    (negative: better than the reference) and its 95 % intervals over symbols, window dates and
    quarters, as `vs_<reference>`, `..._low_symbol`, ...; null for the original of `ORIGINALS` where
    a method has none. `exact_n`, `exact_vs_average`, `..._low_symbol`, ... and the clusters behind
    them, `exact_n_symbol`, ...: the same on the decisions where both results are exact.
    """
    shared = common(decisions).sort("decision")
    by_method = {str(m[0]): rows for m, rows in shared.group_by("method")}
    rows = []
    for method in METHODS:
        if method in by_method:
            rows.append(_method_row(method, by_method))
    if not rows:  # no decision that every method made
        return pl.DataFrame(schema={"method": pl.String, "n": pl.Int64, "regret": pl.Float64})
    return pl.DataFrame(rows, infer_schema_length=None)


def _method_row(method: str, by_method: dict[str, pl.DataFrame]) -> dict[str, Any]:
    mine = by_method[method]
    row: dict[str, Any] = {"method": method, "n": mine.height}
    for name in (
        "regret",
        "rank",
        "objective",
        "return_frac",
        "beats_defaults",
        "is_defaults",
        "exact",
    ):
        row[name] = mine[name].cast(pl.Float64).mean()
    original = ORIGINALS.get(method)
    for reference in (*REFERENCES, *([original] if original else [])):
        if reference in by_method:
            row |= _difference(mine, by_method[reference], f"vs_{reference}")
    if EXACT_REFERENCE in by_method:
        row |= _exact(mine, by_method[EXACT_REFERENCE])
    return row


def _difference(mine: pl.DataFrame, other: pl.DataFrame, name: str) -> dict[str, Any]:
    values = (mine["regret"] - other["regret"]).to_numpy()
    found: dict[str, Any] = {name: float(values.mean()) if len(values) else None}
    for cluster in CLUSTERS:
        interval = cluster_interval(values, _codes(mine[cluster]))
        found[f"{name}_low_{cluster}"] = interval.low
        found[f"{name}_high_{cluster}"] = interval.high
    return found


def _exact(mine: pl.DataFrame, other: pl.DataFrame) -> dict[str, Any]:
    """The difference on the decisions where both looked up exactly what they had chosen."""
    both = (mine["exact"] & other["exact"]).fill_null(False)
    mine, other = mine.filter(both), other.filter(both)
    clusters = {f"exact_n_{cluster}": _distinct(mine[cluster]) for cluster in CLUSTERS}
    found = _difference(mine, other, f"exact_vs_{EXACT_REFERENCE}")
    return {"exact_n": mine.height, **clusters, **found}


def _codes(cluster: pl.Series) -> NDArray[np.int64]:
    return cluster.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _distinct(cluster: pl.Series) -> int:
    return len(np.unique(_codes(cluster)))


def cluster_counts(decisions: pl.DataFrame) -> dict[str, int]:
    """How many clusters of each kind stand behind the intervals of `method_table`."""
    shared = common(decisions)
    return {cluster: _distinct(shared[cluster]) for cluster in CLUSTERS}


def group_table(decisions: pl.DataFrame, by: str) -> pl.DataFrame:
    """Mean regret of every method per group (strategy, timeframe, status, relaxed, symbol).

    Columns: the group, n (decisions), one column per method, and `vs_average` of the recommender.
    """
    shared = common(decisions).sort("decision")  # sums in another order differ in their last bits
    order = [m for m in METHODS if m in set(shared["method"])]
    table = shared.group_by(by, "method").agg(pl.col("regret").mean(), pl.len().alias("n"))
    wide = table.pivot("method", index=[by, "n"], values="regret").sort(by)
    wide = wide.select(by, "n", *order)
    if {"tradingkb", "average"} <= set(order):
        wide = wide.with_columns(vs_average=pl.col("tradingkb") - pl.col("average"))
    return wide


def coverage_table(decisions: pl.DataFrame) -> pl.DataFrame:
    """How often the recommender answered, by status: n, share, relaxed, and its regret."""
    mine = decisions.filter(pl.col("method") == "tradingkb")
    return (
        mine.group_by("status")
        .agg(
            pl.len().alias("n"),
            (pl.len() / mine.height).alias("share"),
            pl.col("relaxed").mean(),
            pl.col("regret").mean(),
            pl.col("beats_defaults").mean(),
        )
        .sort("status")
    )


def interval_coverage(decisions: pl.DataFrame) -> dict[str, float]:
    """How many outcomes fell into the quoted spread of single windows, of which 80 % should.

    Returns:
        n (outcomes of exactly the chosen set, with a quoted spread), inside (share), below, above;
        shares are NaN where n is 0.
    """
    mine = decisions.filter(
        (pl.col("method") == "tradingkb") & pl.col("exact") & pl.col("window_low").is_not_null()
    )
    earned, low, high = (mine[c].to_numpy() for c in ("objective", "window_low", "window_high"))
    below, above = earned < low, earned > high
    if not mine.height:
        return {"n": 0, "inside": np.nan, "below": np.nan, "above": np.nan}
    return {
        "n": mine.height,
        "inside": float((~below & ~above).mean()),
        "below": float(below.mean()),
        "above": float(above.mean()),
    }
