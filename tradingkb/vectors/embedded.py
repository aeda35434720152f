"""Exact vector search in NumPy over vectors kept in the store's own database.

The vectors and filter columns of one (collection, workspace, strategy) are cached as arrays and
read again when its generation counter has moved, so any number of processes may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl
import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError
from tradingkb.memo import Memo
from tradingkb.ports import PAYLOAD, Floats32, Points, VectorFilter, WindowHit
from tradingkb.sql import (
    MOST_PARAMETERS,
    moved,
    only_added,
    read,
    read_in,
    reading,
    redone,
    upsert,
    writing,
)
from tradingkb.vectors import tables
from tradingkb.vectors.embedded_collections import collection_id, no_collection
from tradingkb.vectors.embedded_snapshots import EmbeddedSnapshots
from tradingkb.vectors.partition import VECTOR_DTYPE, Partition, load_partition

_C, _V, _G = tables.collections.c, tables.vectors.c, tables.generations.c


#: Points whose arrays are kept in memory: about 0.1 kB each, and 4 bytes per number of a vector.
KEPT_POINTS: Final = 2_000_000
#: What a partition takes by itself, in points: there is one for every name that is asked for.
_PARTITION: Final = 100


class EmbeddedVectorIndex(EmbeddedSnapshots):
    """The `VectorIndex` port on an engine of the store, whose schema is migrated."""

    exact = True
    remote = False

    def __init__(
        self, engine: sa.Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """On an engine; `clock` is aware UTC time, for the names of snapshots."""
        self.engine = engine
        self._clock = clock
        self._cache: Memo[tuple[int, Partition]] = Memo(
            KEPT_POINTS, lambda kept: len(kept[1]) + _PARTITION
        )

    @redone
    def upsert(self, name: str, points: Points) -> None:
        """Writes points in one transaction, replacing those of the same id.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: the vectors have another dimension.
        """
        if not len(points.ids):
            return
        vectors = np.ascontiguousarray(points.vectors, dtype=VECTOR_DTYPE)
        with writing(self.engine) as connection:
            collection = collection_id(connection, name, vectors.shape[1])
            frame = points.payload.select(
                pl.lit(collection, dtype=pl.Int64).alias("collection_id"),
                pl.Series("point_id", list(points.ids)),
                *PAYLOAD,
                pl.Series("vector", [row.tobytes() for row in vectors], dtype=pl.Binary),
            )
            # In the order of the index: neighbours share its pages, random ids touch one each.
            frame = frame.sort("point_id", maintain_order=True)
            left = _partitions_of(connection, collection, frame["point_id"])
            columns = [c for c in frame.columns if c not in ("collection_id", "point_id")]
            upsert(
                connection, tables.vectors, frame, key=("collection_id", "point_id"), update=columns
            )
            entered = frame.select(left.columns).unique()
            # Replaced points may have stood in any of these partitions.
            _bump(connection, pl.concat([left, entered]), only_added=left.is_empty())

    @redone
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
            return int(partition.mask(where).sum())
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
        mask = partition.mask(where)
        if limit < 1 or not mask.any():
            return []
        return partition.nearest(query, mask, limit)

    def close(self) -> None:
        """Drops the cached arrays; the engine belongs to the store."""
        self._cache.clear()

    def _partition(self, name: str, where: VectorFilter) -> Partition:
        asked = {"name": name, "workspace": where.workspace_id, "strategy": where.strategy_name}
        with reading(self.engine) as connection:
            state = _state(connection, asked)
        key = (int(state.id), where.workspace_id, where.strategy_name)

        def load(kept: tuple[int, Partition] | None = None) -> tuple[int, Partition]:
            with reading(self.engine) as connection:  # one snapshot of generation and points
                now = _state(connection, asked)
                known = kept[1] if kept and only_added(now, kept[0]) else None
                partition = load_partition(connection, key, state.dimension, known)
            return int(now.generation or 0), partition

        return self._cache.get(key, load, stamp=state.generation, renew=load)[1]


#: Collection and generation of a partition in one statement: every search asks for them.
_STATE: Final[sa.Select[Any]] = (
    sa.select(_C.id, _C.dimension, _G.generation, _G.added_since, _G.added_until)
    .select_from(
        tables.collections.outerjoin(
            tables.generations,
            (_G.collection_id == _C.id)
            & (_G.workspace_id == sa.bindparam("workspace"))
            & (_G.strategy_name == sa.bindparam("strategy")),
        )
    )
    .where(_C.name == sa.bindparam("name"))
)


def _state(connection: sa.Connection, asked: dict[str, str]) -> sa.Row[Any]:
    row = connection.execute(_STATE, asked).first()
    if row is None:
        raise no_collection(asked["name"])
    return row


def _bump(connection: sa.Connection, touched: pl.DataFrame, *, only_added: bool = False) -> None:
    key = ("collection_id", "workspace_id", "strategy_name")
    # In one order, or two writers at once could each wait for a row of the other's.
    partitions = touched.unique().sort(key).with_columns(generation=pl.lit(0))
    upsert(connection, tables.generations, partitions, key=key, update=())
    for collection, workspace, strategy, _ in partitions.rows():
        connection.execute(
            sa.update(tables.generations)
            .where(
                _G.collection_id == collection,
                _G.workspace_id == workspace,
                _G.strategy_name == strategy,
            )
            .values(moved(tables.generations, only_added=only_added))
        )


def _partitions_of(connection: sa.Connection, collection: int, ids: pl.Series) -> pl.DataFrame:
    """The partitions in which these points stand; one of another partition leaves them."""
    columns = (_V.collection_id, _V.workspace_id, _V.strategy_name)
    # No DISTINCT: SQLite would walk the whole collection in the order of its partitions for it.
    statement = sa.select(*columns).where(_V.collection_id == collection)
    return read_in(connection, statement, _V.point_id, ids).unique()
