"""Snapshots of the embedded vector index: rows beside its rows, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError, NotFoundError
from tradingkb.ports import PAYLOAD, SnapshotInfo
from tradingkb.sql import read, reading, redone, upsert, writing
from tradingkb.vectors import tables
from tradingkb.vectors.embedded_collections import EmbeddedCollections, collection_id

_C, _V = tables.collections.c, tables.vectors.c
_S, _P = tables.snapshots.c, tables.snapshot_points.c
_OF_A_POINT: Final = ("point_id", *PAYLOAD, "vector")
_BYTES_OF_A_NUMBER: Final = 4


class EmbeddedSnapshots(EmbeddedCollections):
    """Part of `EmbeddedVectorIndex`."""

    _clock: Callable[[], datetime]

    @redone
    def snapshot(self, name: str) -> SnapshotInfo:
        """Keeps what a collection holds now, in one transaction.

        Raises:
            EmptyCollectionError: no such collection.
        """
        # Read first: what is indexed later than that may be missing in the snapshot.
        now = self._clock()
        with writing(self.engine) as connection:
            collection = collection_id(connection, name)
            dimension = connection.scalar(sa.select(_C.dimension).where(_C.id == collection))
            count = sa.select(sa.func.count()).where(_V.collection_id == collection)
            row = {
                "collection": name,
                "name": _free_name(connection, name, now),
                "dimension": dimension,
                "points": int(connection.scalar(count) or 0),
                "created_at": now,
            }
            made = connection.execute(sa.insert(tables.snapshots).values(row))
            (number,) = made.inserted_primary_key or (None,)
            points = sa.select(sa.literal(number), *(_V[c] for c in _OF_A_POINT))
            connection.execute(
                sa.insert(tables.snapshot_points).from_select(
                    ["snapshot_id", *_OF_A_POINT], points.where(_V.collection_id == collection)
                )
            )
        return _described(row)

    def snapshots(self, name: str) -> list[SnapshotInfo]:
        """The snapshots of a collection, oldest first; also of one that is not there any more."""
        statement = sa.select(tables.snapshots).where(_S.collection == name)
        with reading(self.engine) as connection:
            rows = connection.execute(statement.order_by(_S.created_at, _S.id)).mappings()
            return [_described(row) for row in rows]

    @redone
    def drop_snapshot(self, name: str, snapshot: str) -> None:
        """Deletes a snapshot.

        Raises:
            NotFoundError: the collection has no such snapshot.
        """
        with writing(self.engine) as connection:
            number = _required(connection, name, snapshot)["id"]
            connection.execute(sa.delete(tables.snapshot_points).where(_P.snapshot_id == number))
            connection.execute(sa.delete(tables.snapshots).where(_S.id == number))

    @redone
    def recover(self, name: str, snapshot: str, into: str) -> SnapshotInfo:
        """Makes a new collection of what a snapshot holds, in one transaction.

        Raises:
            NotFoundError: the collection has no such snapshot.
            ConfigurationError: `into` exists.
        """
        with writing(self.engine) as connection:
            kept = _required(connection, name, snapshot)
            if connection.scalar(sa.select(_C.id).where(_C.name == into)) is not None:
                raise ConfigurationError(
                    f"collection {into!r} exists: a snapshot is recovered into a new one, give "
                    "another name"
                )
            frame = pl.DataFrame({"name": [into], "dimension": [kept["dimension"]]})
            upsert(connection, tables.collections, frame, key=("name",), update=())
            collection = collection_id(connection, into)
            mine = _P.snapshot_id == kept["id"]
            points = sa.select(sa.literal(collection), *(_P[c] for c in _OF_A_POINT)).where(mine)
            connection.execute(
                sa.insert(tables.vectors).from_select(["collection_id", *_OF_A_POINT], points)
            )
            _count_partitions(connection, collection, mine)
            return _described(kept)


def _count_partitions(
    connection: sa.Connection, collection: int, mine: sa.ColumnElement[bool]
) -> None:
    """The first generation of every partition of the new collection."""
    partitions = sa.select(_P.workspace_id, _P.strategy_name).where(mine).distinct()
    frame = read(connection, partitions)
    if frame.is_empty():
        return
    counted = frame.with_columns(collection_id=pl.lit(collection), generation=pl.lit(1))
    key = ("collection_id", "workspace_id", "strategy_name")
    upsert(connection, tables.generations, counted, key=key, update=())


def _free_name(connection: sa.Connection, name: str, now: datetime) -> str:
    """As a Qdrant server names them, by the second; with a number where that is taken."""
    taken = set(connection.scalars(sa.select(_S.name).where(_S.collection == name)))
    first = f"{name}-{now:%Y-%m-%d-%H-%M-%S}"
    n = 1
    while (found := f"{first}{f'-{n}' if n > 1 else ''}.snapshot") in taken:
        n += 1
    return found


def _required(connection: sa.Connection, name: str, snapshot: str) -> sa.RowMapping:
    statement = sa.select(tables.snapshots).where(_S.collection == name)
    rows = connection.execute(statement).mappings().all()
    for row in rows:
        if row["name"] == snapshot:
            return row
    raise NotFoundError(
        "snapshot", snapshot, [row["name"] for row in rows], remedy="kb.snapshots() lists them"
    )


def _described(row: Any) -> SnapshotInfo:
    size = row["points"] * row["dimension"] * _BYTES_OF_A_NUMBER
    return SnapshotInfo(row["name"], row["collection"], row["created_at"], size, row["points"])
