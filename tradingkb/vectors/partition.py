"""The points of one (collection, workspace, strategy) as arrays, searched exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from tradingkb.ports import Floats32, VectorFilter, WindowHit
from tradingkb.sql.bulk import read
from tradingkb.vectors import tables
from tradingkb.vectors.order import SIMILARITY_DIGITS, by_similarity, rounded

Bools = NDArray[np.bool_]

_V = tables.vectors.c
VECTOR_DTYPE: Final = "<f4"
#: Rows nearer than this are compared in float64: float32 sums of equal rows differ by their place.
_FLOAT32_NOISE: Final = 1e-5


@dataclass(frozen=True)
class Partition:
    """Points, rows sorted by window and id.

    Attributes:
        ids: shape (n,), points.
        matrix: shape (m, dimension), vectors; neighbouring rows of a window share one where they
            are equal, as all of them are when a vector depends on the window alone.
        vector: shape (n,), index into `matrix`.
        window_keys: the windows; `starts` are their first rows.
        has_oos, max_drawdown, n_trades, overfit_gap: shape (n,), the payload, NaN where unknown.
    """

    ids: pl.Series
    matrix: Floats32
    vector: NDArray[np.int64]
    window_keys: list[str]
    starts: NDArray[np.int64]
    has_oos: NDArray[np.bool_]
    max_drawdown: NDArray[np.float64]
    n_trades: NDArray[np.float64]
    overfit_gap: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def mask(self, where: VectorFilter) -> Bools:
        """Which points pass, shape (n,)."""
        mask = np.ones(len(self), dtype=bool)
        drawdown, trades = self.max_drawdown, self.n_trades
        if where.require_oos:
            mask &= self.has_oos
        # NaN compares false: an unknown number passes only where the opposite is asked.
        if where.max_drawdown is not None:
            most = where.max_drawdown
            mask &= ~(drawdown > most) if where.unknown_passes else drawdown <= most
        if where.min_trades is not None:
            least = where.min_trades
            mask &= ~(trades < least) if where.unknown_passes else trades >= least
        if where.max_overfit_gap is not None:
            mask &= ~(self.overfit_gap > where.max_overfit_gap)
        return mask

    def nearest(self, query: Floats32, mask: Bools, limit: int) -> list[WindowHit]:
        """The nearest windows with a point in `mask`, each by its nearest one.

        Of a window's equally near points it is the one of the lowest id.
        """
        similarity = np.where(mask, (self.matrix @ query)[self.vector], -np.inf)
        best = np.maximum.reduceat(similarity, self.starts)
        last = np.partition(best, -limit)[-limit] if limit < len(best) else -np.inf
        sizes = np.diff(self.starts, append=len(similarity))
        floor = np.repeat(np.maximum(best, last) - _FLOAT32_NOISE, sizes)
        rows = np.flatnonzero((similarity >= floor) & np.isfinite(similarity))
        vectors = self.vector[rows]
        lowest = np.append(True, vectors[1:] != vectors[:-1])  # of rows that share a vector
        rows, vectors = rows[lowest], vectors[lowest]
        exact = (self.matrix[vectors].astype(np.float64) * query).sum(axis=1)
        windows = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.lexsort((rows, -np.round(exact, SIMILARITY_DIGITS), windows))
        _, firsts = np.unique(windows[order], return_index=True)
        return by_similarity(
            WindowHit(self.window_keys[windows[i]], self.ids[int(rows[i])], rounded(exact[i]))
            for i in order[firsts]
        )[:limit]


def load_partition(
    connection: sa.Connection, key: tuple[int, str, str], dimension: int
) -> Partition:
    """Reads the points of (collection id, workspace id, strategy)."""
    rows = read(connection, _statement(key)).sort("window_key", "point_id")
    # Compared as bytes: their equality is exact, and copies nothing.
    new = rows.select(new=_changed("window_key") | _changed("vector"))["new"]
    matrix = np.frombuffer(b"".join(rows.filter(new)["vector"]), dtype=VECTOR_DTYPE)
    return _partition(rows, matrix.reshape(int(new.sum()), dimension), new.to_numpy())


def _statement(key: tuple[int, str, str]) -> sa.Select[Any]:
    return sa.select(
        _V.point_id, _V.window_key, _V.has_oos, _V.max_drawdown, _V.n_trades, _V.overfit_gap,
        _V.vector,
    ).where(
        _V.collection_id == key[0], _V.workspace_id == key[1], _V.strategy_name == key[2]
    )  # fmt: skip


def _partition(rows: pl.DataFrame, matrix: Floats32, new: Bools) -> Partition:
    """A partition of sorted rows; `new` says which of them begin another vector."""
    starts = np.flatnonzero(rows.select(_changed("window_key")).to_series().to_numpy())
    numbers = {
        name: rows[name].cast(pl.Float64).to_numpy()
        for name in ("max_drawdown", "n_trades", "overfit_gap")
    }
    return Partition(
        ids=rows["point_id"],
        matrix=matrix,
        vector=np.cumsum(new) - 1,
        window_keys=rows["window_key"].gather(starts).to_list(),
        starts=starts,
        has_oos=rows["has_oos"].to_numpy(),
        **numbers,
    )


def _changed(name: str) -> pl.Expr:
    """Where a value differs from the one before it; the first one does."""
    return (pl.col(name) != pl.col(name).shift()).fill_null(True)
