"""Tables over replayed decisions: every method beside the others, with intervals."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.evaluate.methods import METHODS
from tradingkb.evaluate.resampling import cluster_interval

#: What decisions may share their luck by.
CLUSTERS: Final = ("symbol", "as_of", "quarter")
#: Differences are taken to these; negative is better than them.
REFERENCES: Final = ("average", "average_others", "defaults", "is_best")
#: Variants and controls are also taken to what they were made from: what does the change do?
ORIGINALS: Final = {
    "stated": "tradingkb",
    "no_regime": "tradingkb",
    "no_own_results": "tradingkb",
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


def method_table(decisions: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """One row per method over the common decisions.

    Columns: method, n, regret, rank, objective, return_frac (means), beats_defaults (share of the
    decisions where it chose something else than the defaults) and is_defaults; per reference the
    mean difference of regret (negative: better than the reference) and its 95 % intervals by
    resampling symbols, window dates and quarters, as `vs_<reference>`, `..._low_symbol`, ...;
    null for the original of `ORIGINALS` where a method has none.
    """
    shared = common(decisions).sort("decision")
    by_method = {str(m[0]): rows for m, rows in shared.group_by("method")}
    rows = []
    for method in METHODS:
        if method in by_method:
            rows.append(_method_row(method, by_method, seed))
    if not rows:  # no decision that every method made
        return pl.DataFrame(schema={"method": pl.String, "n": pl.Int64, "regret": pl.Float64})
    return pl.DataFrame(rows, infer_schema_length=None)


def _method_row(method: str, by_method: dict[str, pl.DataFrame], seed: int) -> dict[str, Any]:
    mine = by_method[method]
    row: dict[str, Any] = {"method": method, "n": mine.height}
    for name in ("regret", "rank", "objective", "return_frac", "beats_defaults", "is_defaults"):
        row[name] = mine[name].cast(pl.Float64).mean()
    original = ORIGINALS.get(method)
    for reference in (*REFERENCES, *([original] if original else [])):
        if reference in by_method:
            row |= _difference(mine, by_method[reference], reference, seed)
    return row


def _difference(
    mine: pl.DataFrame, other: pl.DataFrame, reference: str, seed: int
) -> dict[str, Any]:
    values = (mine["regret"] - other["regret"]).to_numpy()
    found: dict[str, Any] = {f"vs_{reference}": float(values.mean())}
    for cluster in CLUSTERS:
        codes = mine[cluster].rank("dense").fill_null(0).to_numpy().astype(np.int64)
        interval = cluster_interval(values, codes, np.random.default_rng(seed))
        found[f"vs_{reference}_low_{cluster}"] = interval.low
        found[f"vs_{reference}_high_{cluster}"] = interval.high
    return found


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
