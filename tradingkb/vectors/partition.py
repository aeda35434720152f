"""The points of one (collection, workspace, strategy) as arrays, searched exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from tradingkb.ports import Floats32, VectorFilter, WindowHit
from tradingkb.sql import read
from tradingkb.vectors import tables
from tradingkb.vectors.order import SIMILARITY_DIGITS

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_V = tables.vectors.c
VECTOR_DTYPE: Final = "<f4"
_NUMBERS: Final = ("max_drawdown", "n_trades", "overfit_gap")
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
        last: the largest row number of the table among them, 0 for none.
    """

    ids: pl.Series
    matrix: Floats32
    vector: Ints
    window_keys: list[str]
    starts: Ints
    has_oos: NDArray[np.bool_]
    max_drawdown: NDArray[np.float64]
    n_trades: NDArray[np.float64]
    overfit_gap: NDArray[np.float64]
    last: int

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> pl.DataFrame:
        """Everything but the vectors, as a frame of n rows."""
        sizes = np.diff(self.starts, append=len(self))
        keys = pl.Series("window_key", self.window_keys, dtype=pl.String)
        numbers = [pl.Series(name, getattr(self, name)) for name in _NUMBERS]
        places = np.repeat(np.arange(len(sizes)), sizes)
        return pl.DataFrame(
            [self.ids, keys.gather(places), pl.Series("has_oos", self.has_oos), *numbers]
        )

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
        found = order[firsts]  # by window, whose keys are sorted
        shown = np.round(exact[found], SIMILARITY_DIGITS) + 0.0  # without a negative zero
        nearest = np.argsort(-shown, kind="stable")[:limit]
        return [
            WindowHit(self.window_keys[windows[i]], self.ids[int(rows[i])], float(shown[k]))
            for k, i in zip(nearest, found[nearest], strict=True)
        ]


def load_partition(
    connection: sa.Connection,
    key: tuple[int, str, str],
    dimension: int,
    known: Partition | None = None,
) -> Partition:
    """Reads the points of (collection id, workspace id, strategy).

    Args:
        connection: where they are.
        key: whose points.
        dimension: of their vectors.
        known: the partition as it was, when points were only added to it since.
    """
    rows = read(connection, _statement(key, after=known.last if known else 0))
    if known and _count(connection, key) != len(known) + rows.height:
        # On PostgreSQL a number may be taken first and committed last.
        return load_partition(connection, key, dimension)
    last = int(rows["id"].max() or 0)  # type: ignore[arg-type]
    matrix = _matrix(rows.drop_in_place("vector"), dimension)
    rows = rows.with_columns(pl.col(_NUMBERS).cast(pl.Float64))
    found = _arranged(rows.drop("id"), matrix, np.arange(rows.height), last)
    return _joined(known, found) if known else found


def _statement(key: tuple[int, str, str], after: int) -> sa.Select[Any]:
    return sa.select(
        _V.id,
        _V.point_id,
        _V.window_key,
        _V.has_oos,
        _V.max_drawdown,
        _V.n_trades,
        _V.overfit_gap,
        _V.vector,
    ).where(*_of(key), _V.id > after)


def _count(connection: sa.Connection, key: tuple[int, str, str]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).where(*_of(key))) or 0)


def _of(key: tuple[int, str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    return _V.collection_id == key[0], _V.workspace_id == key[1], _V.strategy_name == key[2]


def _matrix(vectors: pl.Series, dimension: int) -> Floats32:
    return np.frombuffer(b"".join(vectors), dtype=VECTOR_DTYPE).reshape(len(vectors), dimension)


def _joined(known: Partition, added: Partition) -> Partition:
    """Both as one."""
    if not len(added):
        return known
    vector = np.append(known.vector, added.vector + len(known.matrix))
    rows = pl.concat([known.rows(), added.rows()])
    return _arranged(rows, np.vstack([known.matrix, added.matrix]), vector, added.last)


def _arranged(rows: pl.DataFrame, matrix: Floats32, vector: Ints, last: int) -> Partition:
    """A partition of rows in any order, row i with the vector `matrix[vector[i]]`."""
    rows = rows.with_columns(pl.Series("vector", vector)).sort("window_key", "point_id")
    vector, keys = rows["vector"].to_numpy(), rows["window_key"]
    first = (keys != keys.shift()).fill_null(True).to_numpy()
    new = first | _differ(matrix, vector)
    return Partition(
        ids=rows["point_id"],
        matrix=matrix[vector[new]],
        vector=np.cumsum(new) - 1,
        window_keys=keys.filter(first).to_list(),
        starts=np.flatnonzero(first),
        has_oos=rows["has_oos"].to_numpy(),
        **{n: rows[n].fill_null(np.nan).to_numpy() for n in _NUMBERS},
        last=last,
    )


def _differ(matrix: Floats32, vector: Ints) -> Bools:
    """Where a row's vector differs from that of the row before it."""
    before, own = vector[:-1], vector[1:]
    # Few that differ have their first number in common: only these are compared in full.
    alike = np.flatnonzero(matrix[before, 0] == matrix[own, 0])
    differ = np.ones(len(vector), dtype=bool)
    differ[alike + 1] = (matrix[before[alike]] != matrix[own[alike]]).any(axis=1)
    return differ
