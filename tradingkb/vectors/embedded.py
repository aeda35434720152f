"""Exact vector search in NumPy over vectors kept in SQLite.

The vectors and filter columns of one (collection, workspace, strategy) are cached as arrays and
read again when its generation counter has moved, so any number of processes may share the file.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from tradingkb.exceptions import ConfigurationError
from tradingkb.ports import PAYLOAD, Floats32, Points, VectorFilter, WindowHit
from tradingkb.sql.bulk import MOST_PARAMETERS, read, read_in, upsert
from tradingkb.sql.engine import reading, writing
from tradingkb.vectors import tables
from tradingkb.vectors.embedded_collections import EmbeddedCollections, collection_id
from tradingkb.vectors.order import SIMILARITY_DIGITS, by_similarity, rounded

_C, _V, _G = tables.collections.c, tables.vectors.c, tables.generations.c
_VECTOR_DTYPE = "<f4"
#: Rows nearer than this are compared in float64: float32 sums of equal rows differ by their place.
_FLOAT32_NOISE = 1e-5


@dataclass(frozen=True)
class _Partition:
    """Arrays of one partition, rows sorted by window; `starts` are the windows' first rows."""

    generation: int
    ids: NDArray[np.object_]
    matrix: Floats32
    window_keys: list[str]
    starts: NDArray[np.int64]
    has_oos: NDArray[np.bool_]
    max_drawdown: NDArray[np.float64]
    n_trades: NDArray[np.float64]
    overfit_gap: NDArray[np.float64]


class EmbeddedVectorIndex(EmbeddedCollections):
    """The `VectorIndex` port on a SQLite engine whose schema is migrated."""

    exact = True

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._cache: dict[tuple[int, str, str], _Partition] = {}
        self._lock = threading.Lock()

    def upsert(self, name: str, points: Points) -> None:
        """Writes points in one transaction, replacing those of the same id.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: the vectors have another dimension.
        """
        if not len(points.ids):
            return
        vectors = np.ascontiguousarray(points.vectors, dtype=_VECTOR_DTYPE)
        with writing(self.engine) as connection:
            collection = collection_id(connection, name, vectors.shape[1])
            frame = points.payload.select(
                pl.lit(collection).alias("collection_id"),
                pl.Series("point_id", list(points.ids)),
                *PAYLOAD,
                pl.Series("vector", [row.tobytes() for row in vectors], dtype=pl.Binary),
            )
            _bump(connection, _partitions_left(connection, collection, frame))
            columns = [c for c in frame.columns if c not in ("collection_id", "point_id")]
            upsert(connection, tables.vectors, frame, key=("collection_id", "point_id"),
                   update=columns)  # fmt: skip
            _bump(connection, frame.select("collection_id", "workspace_id", "strategy_name"))

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points in one transaction; ids that do not exist are no error."""
        if not len(ids):
            return
        with writing(self.engine) as connection:
            collection = collection_id(connection, name)
            for start in range(0, len(ids), MOST_PARAMETERS):
                chosen = _V.point_id.in_(list(ids[start : start + MOST_PARAMETERS]))
                where = (_V.collection_id == collection) & chosen
                partition = sa.select(_V.collection_id, _V.workspace_id, _V.strategy_name)
                touched = read(connection, partition.where(where))
                connection.execute(sa.delete(tables.vectors).where(where))
                _bump(connection, touched)

    def count(self, name: str, where: VectorFilter | None = None) -> int:
        """The exact number of points."""
        if where is not None:
            partition = self._partition(name, where)
            return int(_mask(partition, where).sum())
        with reading(self.engine) as connection:
            collection = collection_id(connection, name)
            statement = sa.select(sa.func.count()).where(_V.collection_id == collection)
            return int(connection.scalar(statement) or 0)

    def nearest_windows(
        self, name: str, vector: Floats32, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        """The `limit` nearest windows, each by its nearest matching point."""
        partition = self._partition(name, where)
        query = np.asarray(vector, dtype=np.float32)
        if query.shape != (partition.matrix.shape[1],):
            raise ConfigurationError(
                f"collection {name!r} has dimension {partition.matrix.shape[1]}, the query "
                f"{query.shape[-1]}: check the embedding model and the collection"
            )
        mask = _mask(partition, where)
        if limit < 1 or not mask.any():
            return []
        return _nearest(partition, np.where(mask, partition.matrix @ query, -np.inf), query, limit)

    def close(self) -> None:
        """Drops the cached arrays; the engine belongs to the store."""
        self._cache.clear()

    def _partition(self, name: str, where: VectorFilter) -> _Partition:
        with reading(self.engine) as connection:
            collection = collection_id(connection, name)
            key = (collection, where.workspace_id, where.strategy_name)
            generation = _generation(connection, *key)
            with self._lock:
                cached = self._cache.get(key)
            if cached and cached.generation == generation:
                return cached
            dimension = connection.scalar(sa.select(_C.dimension).where(_C.id == collection))
            partition = _load(connection, key, generation, int(dimension or 0))
        with self._lock:
            self._cache[key] = partition
        return partition


def _bump(connection: sa.Connection, touched: pl.DataFrame) -> None:
    partitions = touched.unique().with_columns(generation=pl.lit(0))
    key = ("collection_id", "workspace_id", "strategy_name")
    upsert(connection, tables.generations, partitions, key=key, update=())
    for collection, workspace, strategy, _ in partitions.rows():
        connection.execute(
            sa.update(tables.generations)
            .where(_G.collection_id == collection, _G.workspace_id == workspace,
                   _G.strategy_name == strategy)
            .values(generation=_G.generation + 1)
        )  # fmt: skip


def _partitions_left(
    connection: sa.Connection, collection: int, frame: pl.DataFrame
) -> pl.DataFrame:
    """The partitions that lose a point because it is now in another one."""
    statement = sa.select(_V.collection_id, _V.workspace_id, _V.strategy_name, _V.point_id).where(
        _V.collection_id == collection
    )
    found = read_in(connection, statement, _V.point_id, frame["point_id"])
    key = ["point_id", "workspace_id", "strategy_name"]
    moved = found.join(frame, on=key, how="anti")
    return moved.select("collection_id", "workspace_id", "strategy_name")


def _generation(connection: sa.Connection, collection: int, workspace: str, strategy: str) -> int:
    statement = sa.select(_G.generation).where(
        _G.collection_id == collection, _G.workspace_id == workspace, _G.strategy_name == strategy
    )
    return int(connection.scalar(statement) or 0)


def _load(
    connection: sa.Connection, key: tuple[int, str, str], generation: int, dimension: int
) -> _Partition:
    statement = sa.select(
        _V.point_id, _V.window_key, _V.has_oos, _V.max_drawdown, _V.n_trades, _V.overfit_gap,
        _V.vector,
    ).where(
        _V.collection_id == key[0], _V.workspace_id == key[1], _V.strategy_name == key[2]
    ).order_by(_V.window_key, _V.point_id)  # fmt: skip
    rows = connection.execute(statement).all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    keys = np.array(columns[1], dtype=object)
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if rows else np.zeros(0, int)
    matrix = np.frombuffer(b"".join(columns[6]), dtype=_VECTOR_DTYPE)
    return _Partition(
        generation=generation,
        ids=np.array(columns[0], dtype=object),
        matrix=matrix.reshape(len(rows), dimension),
        window_keys=[str(k) for k in keys[starts]],
        starts=starts,
        has_oos=np.array(columns[2], dtype=bool),
        max_drawdown=np.array(columns[3], dtype=np.float64),
        n_trades=np.array(columns[4], dtype=np.float64),
        overfit_gap=np.array(columns[5], dtype=np.float64),
    )


def _nearest(
    partition: _Partition, similarity: Floats32, query: Floats32, limit: int
) -> list[WindowHit]:
    """The nearest windows; of a window's equally near points the one of the lowest id."""
    best = np.maximum.reduceat(similarity, partition.starts)
    last = np.partition(best, -limit)[-limit] if limit < len(best) else -np.inf
    sizes = np.diff(partition.starts, append=len(similarity))
    floor = np.repeat(np.maximum(best, last) - _FLOAT32_NOISE, sizes)
    rows = np.flatnonzero((similarity >= floor) & np.isfinite(similarity))
    exact = (partition.matrix[rows].astype(np.float64) * query).sum(axis=1)
    windows = np.searchsorted(partition.starts, rows, side="right") - 1
    order = np.lexsort((rows, -np.round(exact, SIMILARITY_DIGITS), windows))
    _, firsts = np.unique(windows[order], return_index=True)
    return by_similarity(
        WindowHit(partition.window_keys[windows[i]], partition.ids[rows[i]], rounded(exact[i]))
        for i in order[firsts]
    )[:limit]


def _mask(partition: _Partition, where: VectorFilter) -> NDArray[np.bool_]:
    unknown = where.unknown_passes
    mask = np.ones(len(partition.ids), dtype=bool)
    if where.require_oos:
        mask &= partition.has_oos
    if where.max_drawdown is not None:
        known = ~np.isnan(partition.max_drawdown)
        mask &= np.where(known, partition.max_drawdown <= where.max_drawdown, unknown)
    if where.min_trades is not None:
        known = ~np.isnan(partition.n_trades)
        mask &= np.where(known, partition.n_trades >= where.min_trades, unknown)
    if where.max_overfit_gap is not None:
        mask &= ~(partition.overfit_gap > where.max_overfit_gap)
    return mask
