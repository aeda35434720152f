"""The limit of exact retrieval: one partition as arrays in memory, mask, product, top n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain import Filters, regime_from_json
from tradingkb.ports import Embedder, Floats32, WindowDocument

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Arrays:
    """Points in memory, n rows, NaN where unknown; made from the trials, not from our tables.

    Attributes:
        matrix: unit vectors, float32, shape (n, dimension).
        has_oos, max_drawdown, n_trades, overfit_gap: what filters look at, shape (n,).
    """

    matrix: Floats32
    has_oos: Bools
    max_drawdown: Floats
    n_trades: Floats
    overfit_gap: Floats


def load(trials: pl.DataFrame, embedder: Embedder) -> Arrays:
    """The points of the trials, in their order."""
    regimes = trials.select("regime_is", "regime_oos").unique(maintain_order=True)
    documents = [
        WindowDocument(regime_from_json(before), regime_from_json(during))
        for before, during in regimes.rows()
    ]
    place = trials.select("regime_is", "regime_oos").join(
        regimes.with_row_index("place"), on=["regime_is", "regime_oos"], maintain_order="left"
    )["place"]
    columns = trials.select(FILTER_COLUMNS)
    return Arrays(
        embedder.embed_documents(documents)[place.to_numpy()],
        columns["has_oos"].to_numpy(),
        *(columns[name].cast(pl.Float64).to_numpy() for name in columns.columns[1:]),
    )


def nearest(arrays: Arrays, vector: Floats32, where: Filters, limit: int) -> list[float]:
    """The similarities of the nearest points that pass, largest first."""
    passing = (
        arrays.has_oos
        & (arrays.max_drawdown <= where.max_drawdown)
        & (arrays.n_trades >= where.min_trades)
        & ~(arrays.overfit_gap > where.max_overfit_gap)
    )
    similarity = np.where(passing, arrays.matrix @ vector, -np.inf)
    rows = np.argpartition(similarity, -limit)[-limit:]
    order = rows[np.argsort(-similarity[rows])]
    found: list[float] = similarity[order].tolist()
    return found
