"""Collections and aliases of the embedded vector index."""

from __future__ import annotations

from typing import Final

import polars as pl
import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError, EmptyCollectionError
from tradingkb.ports import PAYLOAD, CollectionInfo
from tradingkb.sql import read, reading, redone, upsert, writing
from tradingkb.vectors import tables

_C, _V = tables.collections.c, tables.vectors.c
#: What finds the points of a search; the other conditions are looked at in memory.
_INDEXED: Final = ("strategy_name", "workspace_id")
#: How the row of a collection that was dropped is called; no collection has a colon in its name.
_DROPPED: Final = "dropped:"


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
            names = connection.scalars(sa.select(_C.name))
            return sorted(name for name in names if not name.startswith(_DROPPED))

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name."""
        with reading(self.engine) as connection:
            return connection.scalar(sa.select(_C.dimension).where(_C.name == name))

    def describe(self, name: str) -> CollectionInfo | None:
        """What there is to know of a collection, None when there is none of that name."""
        aliased = tables.aliases.c
        with reading(self.engine) as connection:
            row = connection.execute(sa.select(_C.id, _C.dimension).where(_C.name == name)).first()
            if row is None:
                return None
            points = sa.select(sa.func.count()).where(_V.collection_id == row.id)
            aliases = sa.select(aliased.alias).where(aliased.collection_id == row.id)
            return CollectionInfo(
                name,
                row.dimension,
                int(connection.scalar(points) or 0),
                payload_indexes=_INDEXED,
                aliases=tuple(sorted(connection.scalars(aliases))),
            )

    @redone
    def drop(self, name: str) -> None:
        """Deletes a collection with its points and aliases; one that is not there is no error."""
        with writing(self.engine) as connection:
            found = connection.scalar(sa.select(_C.id).where(_C.name == name))
            if found is None:
                return
            for table in (tables.aliases, tables.vectors, tables.generations):
                connection.execute(sa.delete(table).where(table.c.collection_id == found))
            # The row stays: SQLite would give its number to the next collection, and caches of
            # other processes would take that one's first generation for one that they have seen.
            renamed = {"name": f"{_DROPPED}{found}"}
            connection.execute(sa.update(tables.collections).where(_C.id == found).values(renamed))

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
