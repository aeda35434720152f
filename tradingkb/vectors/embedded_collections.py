"""Collections and aliases of the embedded vector index."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError, EmptyCollectionError
from tradingkb.ports import PAYLOAD
from tradingkb.sql import read, reading, upsert, writing
from tradingkb.vectors import tables

_C, _V = tables.collections.c, tables.vectors.c


class EmbeddedCollections:
    """Part of `EmbeddedVectorIndex`."""

    engine: sa.Engine

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection if missing.

        Raises:
            ConfigurationError: it exists with another dimension.
        """
        existing = self.dimension(name)
        if existing is None:
            with writing(self.engine) as connection:
                frame = pl.DataFrame({"name": [name], "dimension": [dimension]})
                upsert(connection, tables.collections, frame, key=("name",), update=())
        elif existing != dimension:
            raise ConfigurationError(
                f"collection {name!r} has dimension {existing}, the embedder makes {dimension}: "
                "choose another collection, or re-embed into a new one"
            )

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with reading(self.engine) as connection:
            return sorted(connection.scalars(sa.select(_C.name)))

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name."""
        with reading(self.engine) as connection:
            return connection.scalar(sa.select(_C.dimension).where(_C.name == name))

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection.

        Raises:
            EmptyCollectionError: no such collection.
        """
        with writing(self.engine) as connection:
            frame = pl.DataFrame(
                {"alias": [alias], "collection_id": [collection_id(connection, name)]}
            )
            upsert(connection, tables.aliases, frame, key=("alias",), update=("collection_id",))

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""
        statement = (
            sa.select(_C.name)
            .select_from(tables.aliases.join(tables.collections))
            .where(tables.aliases.c.alias == alias)
        )
        with reading(self.engine) as connection:
            return connection.scalar(statement)

    def points(self, name: str, workspace_id: str) -> pl.DataFrame:
        """`point_id` and the payload columns of a workspace's points."""
        with reading(self.engine) as connection:
            collection = collection_id(connection, name)
            statement = sa.select(_V.point_id, *(tables.vectors.c[c] for c in PAYLOAD))
            mine = (_V.collection_id == collection) & (_V.workspace_id == workspace_id)
            return read(connection, statement.where(mine))


def collection_id(connection: sa.Connection, name: str, dimension: int | None = None) -> int:
    """The number of a collection.

    Raises:
        EmptyCollectionError: no such collection.
        ConfigurationError: it has another dimension than `dimension`.
    """
    row = connection.execute(sa.select(_C.id, _C.dimension).where(_C.name == name)).first()
    if row is None:
        raise no_collection(name)
    if dimension is not None and row.dimension != dimension:
        raise ConfigurationError(
            f"collection {name!r} has dimension {row.dimension}, the vectors have {dimension}"
        )
    return int(row.id)


def no_collection(name: str) -> EmptyCollectionError:
    """The error of a collection that does not exist."""
    return EmptyCollectionError(f"vector collection {name!r} does not exist: run an ingest")
