"""The points of one (collection, workspace, strategy) as arrays, searched exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import ne
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from tradingkb.ports import Floats32, VectorFilter, WindowHit
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

    ids: NDArray[np.object_]
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
            WindowHit(self.window_keys[windows[i]], self.ids[rows[i]], rounded(exact[i]))
            for i in order[firsts]
        )[:limit]


def load_partition(
    connection: sa.Connection, key: tuple[int, str, str], dimension: int
) -> Partition:
    """Reads the points of (collection id, workspace id, strategy)."""
    statement = sa.select(
        _V.point_id, _V.window_key, _V.has_oos, _V.max_drawdown, _V.n_trades, _V.overfit_gap,
        _V.vector,
    ).where(
        _V.collection_id == key[0], _V.workspace_id == key[1], _V.strategy_name == key[2]
    ).order_by(_V.window_key, _V.point_id)  # fmt: skip
    rows = connection.execute(statement).all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    starts = np.flatnonzero(_changes(columns[1]))
    new = _changes(columns[6])
    new[starts] = True
    matrix = np.frombuffer(b"".join(compress(columns[6], new)), dtype=VECTOR_DTYPE)
    return Partition(
        ids=np.array(columns[0], dtype=object),
        matrix=matrix.reshape(int(new.sum()), dimension),
        vector=np.cumsum(new) - 1,
        window_keys=[columns[1][i] for i in starts],
        starts=starts,
        has_oos=np.array(columns[2], dtype=bool),
        max_drawdown=np.array(columns[3], dtype=np.float64),
        n_trades=np.array(columns[4], dtype=np.float64),
        overfit_gap=np.array(columns[5], dtype=np.float64),
    )


def _changes(values: Sequence[Any]) -> NDArray[np.bool_]:
    """Where a value differs from the one before it; the first one does."""
    return np.array([True, *map(ne, values[1:], values)][: len(values)], dtype=bool)
