"""Collections and aliases on Qdrant: made, described, dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qdrant_client import QdrantClient, models

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
)
from tradingkb.ports import CollectionInfo
from tradingkb.vectors.qdrant_calls import Json, QdrantCalls
from tradingkb.vectors.qdrant_connection import (
    TIMEOUT_S,
    UNFORESEEN,
    dimension_of,
    foreign_kind,
)

#: The index of each payload field; a tenant's points are stored side by side.
_INDEXES: Final[Mapping[str, models.PayloadSchemaType | models.KeywordIndexParams]] = {
    "workspace_id": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "strategy_name": models.PayloadSchemaType.KEYWORD,
    "window_key": models.PayloadSchemaType.KEYWORD,
    "has_oos": models.PayloadSchemaType.BOOL,
    "max_drawdown": models.PayloadSchemaType.FLOAT,
    "n_trades": models.PayloadSchemaType.INTEGER,
    "overfit_gap": models.PayloadSchemaType.FLOAT,
}
#: What every point of ours says of itself.
_OURS: Final = ("workspace_id", "strategy_name", "window_key")
#: What an empty collection is made with, under whose name snapshots of a dropped one are read. Its
#: dimension alone would be that of other programs' collections, too: nobody asks for such a graph.
_GRAPH: Final = {"m": 0, "ef_construct": 20_513}
_STANDS_IN: Final = models.VectorParams(
    size=1, distance=models.Distance.COSINE, hnsw_config=models.HnswConfigDiff(**_GRAPH)
)
#: Points whose payload is looked at before a collection is taken for ours.
_LOOKED_AT: Final = 8


class QdrantCollections(QdrantCalls):
    """Part of `QdrantVectorIndex`."""

    def __init__(
        self,
        client: QdrantClient,
        *,
        api_key: str | None = None,
        shard_number: int | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Wraps a client.

        Args:
            client: see `connect_qdrant`; it is closed with the index.
            api_key: what the server needs to read its own snapshots.
            shard_number: of new collections; None for the server's default.
            replication_factor: copies of each shard of new collections.
            write_consistency_factor: how many copies must confirm a write; below
                `replication_factor`, a reader may briefly see an older copy.
            timeout_s: seconds that one request may take in all.
        """
        super().__init__(client, timeout_s)
        self._api_key = api_key
        self._cluster: dict[str, Any] = {
            "shard_number": shard_number,
            "replication_factor": replication_factor,
            "write_consistency_factor": write_consistency_factor,
        }

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection and its payload indexes if missing.

        Raises:
            ConfigurationError: it exists with another dimension, or is not one of ours.
        """
        info = self._drop_stand_in(name, self._found(name))
        if info is None:
            self._create(name, dimension)
            # Read back: another process may have created it in the meantime.
            info = self._found(name)
        if info is None:
            raise BackendUnavailableError(
                f"collection {name!r} was made and is not there: another process deletes it"
            )
        held = dimension_of(info)
        self._refuse(name, self._foreign(name, info))
        if held != dimension:
            raise ConfigurationError(
                f"collection {name!r} has dimension {held}, the embedder makes {dimension}: "
                "choose another collection, or re-embed into a new one"
            )
        if not self._local:
            self._create_missing_indexes(name, info.get("payload_schema") or {})

    def _create(self, name: str, dimension: int) -> None:
        vectors = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
        try:
            with self._calling(name, look=False):
                self.client.create_collection(
                    name, vectors_config=vectors, on_disk_payload=True, **self._cluster
                )
        except (ConfigurationError, ValueError):
            # Refused because another one made it first: then it is there, whatever was said.
            if self._found(name) is None:
                raise

    def _create_missing_indexes(self, name: str, present: Mapping[str, Any]) -> None:
        for field, kind in _INDEXES.items():
            if field not in present:
                with self._calling(name):
                    self.client.create_payload_index(name, field, field_schema=kind, wait=True)

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with self._calling(None):
            return sorted(c.name for c in self.client.get_collections().collections)

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name.

        Raises:
            ConfigurationError: it was not made by tradingkb.
        """
        info = self._found(name)
        if info is None:
            return None
        self._refuse(name, foreign_kind(info))
        return dimension_of(info)

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection, moving it in one step.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: a collection has the name of the alias.
        """
        # To make it moves it. Deleted first it would be gone when the collection is, because what
        # comes before a refused action stays done.
        create = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=name, alias_name=alias)
        )
        try:
            with self._calling(name):
                self.client.update_collection_aliases([create])
        except (ConfigurationError, ValueError):
            if alias not in self.collections():
                raise
            raise ConfigurationError(
                f"{alias!r} is the name of a collection on this Qdrant server, and can be no "
                f"alias of {name!r}: give the collection another name, or delete it"
            ) from None

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""
        return self._aliases().get(alias)

    def describe(self, name: str) -> CollectionInfo | None:
        """What there is to know of a collection, None when there is none of that name."""
        info = self._found(name)
        if info is None:
            return None
        try:
            with self._calling(name):
                points = self.client.count(name, exact=True).count
            foreign = self._foreign(name, info)
        except EmptyCollectionError:  # deleted in the meantime
            return None
        params = info["config"]["params"]
        return CollectionInfo(
            name,
            dimension_of(info),
            points,
            payload_indexes=tuple(sorted(info.get("payload_schema") or {})),
            state=str(info.get("status", "green")),
            shards=params.get("shard_number") or 1,
            replicas=params.get("replication_factor") or 1,
            aliases=tuple(sorted(a for a, of in self._aliases().items() if of == name)),
            foreign=foreign,
        )

    def drop(self, name: str) -> None:
        """Deletes a collection with its points and aliases; one that is not there is no error.

        Raises:
            ConfigurationError: it belongs to another program.
        """
        # By its name: an alias leads to a description too.
        if name not in self.collections() or (info := self._found(name)) is None:
            return
        self._refuse(name, self._foreign(name, info) or self._strangers(name))
        with self._calling(name):
            self.client.delete_collection(name)

    def _stand_in(self, name: str) -> None:
        """Makes what no collection is, of ours or of others: see `_STANDS_IN`."""
        with self._calling(name, look=False):
            self.client.create_collection(name, vectors_config=_STANDS_IN)

    def _drop_stand_in(self, name: str, info: Json | None) -> Json | None:
        """Deletes what stood in for a collection; the description of any other one."""
        if info is None or self._local or not _stands_in(info):
            return info
        with self._calling(name):
            if self.client.count(name, exact=True).count:
                return info
            self.client.delete_collection(name)
        return None

    def _found(self, name: str) -> Json | None:
        """The description of a collection; None when there is none."""
        try:
            with self._calling(name, look=False):
                return self._info(name)
        except EmptyCollectionError:
            return None
        except UNFORESEEN:  # the in-memory client's
            with self._guard:
                if self.client.collection_exists(name):
                    raise
            return None

    def _aliases(self) -> dict[str, str]:
        with self._calling(None):
            known = self.client.get_aliases().aliases
        return {a.alias_name: a.collection_name for a in known}

    def _foreign(self, name: str, info: Json) -> str | None:
        """Why a collection is another program's, by its kind and by what its points say."""
        kind = foreign_kind(info)
        if kind is not None:
            return kind
        with self._calling(name):
            records, _ = self.client.scroll(
                name, limit=_LOOKED_AT, with_payload=list(_OURS), with_vectors=False
            )
        for record in records:
            said = record.payload or {}
            if not all(isinstance(said.get(field), str) for field in _OURS):
                return f"its point {record.id} is of no trial"
        return None

    def _strangers(self, name: str) -> str | None:
        """Whether any point, also one that nobody has looked at, is of no trial."""
        nothing = [
            models.IsEmptyCondition(is_empty=models.PayloadField(key=field)) for field in _OURS
        ]
        with self._calling(name):
            n = self.client.count(name, models.Filter(should=list(nothing)), exact=True).count
        return f"{n:,} of its points are of no trial" if n else None

    @staticmethod
    def _refuse(name: str, foreign: str | None) -> None:
        if foreign is not None:
            raise ConfigurationError(
                f"collection {name!r} belongs to another program, {foreign}: choose another name"
            )


def _stands_in(info: Json) -> bool:
    """Whether a description is of what `recover` makes, and leaves where it is killed."""
    vectors = info["config"]["params"].get("vectors") or {}
    graph = vectors.get("hnsw_config")
    return isinstance(graph, Mapping) and {k: graph.get(k) for k in _GRAPH} == _GRAPH
