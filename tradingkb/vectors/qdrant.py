"""The `VectorIndex` port on Qdrant: the server set-up, and its `:memory:` mode for tests.

Only this module and `qdrant_connection` import qdrant_client, and nothing imports them before they
are needed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import polars as pl
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.local.qdrant_local import QdrantLocal

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
    TradingKBError,
)
from tradingkb.ports import PAYLOAD, Floats32, Points, VectorFilter, WindowHit, patience
from tradingkb.vectors.order import by_similarity, complete, rounded
from tradingkb.vectors.qdrant_connection import (
    TIMEOUT_S,
    UNFORESEEN,
    translated,
    translated_local,
)
from tradingkb.vectors.qdrant_filter import filter_json, workspace_filter

BATCH: Final = 256
#: Points per page when all of them are listed.
SCROLL: Final = 2048
_POINT_SCHEMA: Final = {
    "point_id": pl.String,
    "workspace_id": pl.String,
    "strategy_name": pl.String,
    "window_key": pl.String,
    "has_oos": pl.Boolean,
    "max_drawdown": pl.Float64,
    "n_trades": pl.Int64,
    "overfit_gap": pl.Float64,
}
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


class QdrantVectorIndex:
    """Points in Qdrant collections; see `tradingkb.ports.VectorIndex` for the guarantees.

    Searches are exact: an approximate one may miss windows behind a strict filter, and a filter
    leaves few enough points (one strategy of one workspace) to look at them all.
    """

    exact = True
    remote = True

    def __init__(
        self,
        client: QdrantClient,
        *,
        shard_number: int | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Wraps a client.

        Args:
            client: see `connect_qdrant`; it is closed with the index.
            shard_number: of new collections; None for the server's default.
            replication_factor: copies of each shard of new collections.
            write_consistency_factor: how many copies must confirm a write; below
                `replication_factor`, a reader may briefly see an older copy.
            timeout_s: seconds that one request may take in all.
        """
        self.client = client
        self._timeout_s = timeout_s
        self._cluster: dict[str, Any] = {
            "shard_number": shard_number,
            "replication_factor": replication_factor,
            "write_consistency_factor": write_consistency_factor,
        }
        # There is no public way to ask a client whether it is the in-memory one.
        self._local = isinstance(client._client, QdrantLocal)
        self._translated = translated_local if self._local else translated
        # The in-memory client is not thread-safe.
        self._guard: AbstractContextManager[Any] = (
            threading.RLock() if self._local else nullcontext()
        )

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection and its payload indexes if missing.

        Raises:
            ConfigurationError: it exists with another dimension, or is not one of ours.
        """
        if self.dimension(name) is None:
            self._create(name, dimension)
        # Read back: another process may have created it in the meantime.
        existing = self.dimension(name)
        if existing != dimension:
            raise ConfigurationError(
                f"collection {name!r} has dimension {existing}, the embedder makes {dimension}: "
                "choose another collection, or re-embed into a new one"
            )
        if not self._local:
            self._create_missing_indexes(name)

    def _create(self, name: str, dimension: int) -> None:
        vectors = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
        with self._calling(name):
            try:
                self.client.create_collection(
                    name, vectors_config=vectors, on_disk_payload=True, **self._cluster
                )
            except (UnexpectedResponse, ValueError) as error:
                if not _exists_already(error):
                    raise

    def _create_missing_indexes(self, name: str) -> None:
        with self._calling(name):
            present = self.client.get_collection(name).payload_schema
            for field, kind in _INDEXES.items():
                if field not in present:
                    self.client.create_payload_index(name, field, field_schema=kind, wait=True)

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with self._calling("collections"):
            return sorted(c.name for c in self.client.get_collections().collections)

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name.

        Raises:
            ConfigurationError: it was not made by tradingkb.
        """
        try:
            with self._calling(name):
                vectors = self.client.get_collection(name).config.params.vectors
        except EmptyCollectionError:
            return None
        if not isinstance(vectors, models.VectorParams) or vectors.distance != "Cosine":
            raise ConfigurationError(
                f"collection {name!r} does not hold one cosine vector per point: "
                "it belongs to another program, choose another name"
            )
        return vectors.size

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection, moving it in one step.

        Raises:
            EmptyCollectionError: no such collection.
        """
        create = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=name, alias_name=alias)
        )
        delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
        operations: list[Any] = [create] if self.alias(alias) is None else [delete, create]
        with self._calling(name):
            self.client.update_collection_aliases(operations)

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""
        with self._calling(alias):
            known = self.client.get_aliases().aliases
        return next((a.collection_name for a in known if a.alias_name == alias), None)

    def upsert(self, name: str, points: Points) -> None:
        """Writes points in batches, replacing those of the same id.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: the vectors have another dimension.
        """
        payload = points.payload.select(PAYLOAD)
        for start in range(0, len(points.ids), BATCH):
            part = slice(start, start + BATCH)
            batch = models.Batch(
                ids=list(points.ids[part]),
                vectors=points.vectors[part].tolist(),
                payloads=_payloads(payload[part]),
            )
            with self._calling(name):
                _require_done(self.client.upsert(name, points=batch, wait=True))

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points; ids that do not exist are no error."""
        for start in range(0, len(ids), BATCH):
            part = models.PointIdsList(points=list(ids[start : start + BATCH]))
            with self._calling(name):
                _require_done(self.client.delete(name, points_selector=part, wait=True))

    def count(self, name: str, where: VectorFilter | None = None) -> int:
        """The exact number of points."""
        condition = None if where is None else _condition(where)
        with self._calling(name):
            return self.client.count(name, count_filter=condition, exact=True).count

    def points(self, name: str, workspace_id: str) -> pl.DataFrame:
        """`point_id` and the payload columns of a workspace's points."""
        mine = models.Filter.model_validate(workspace_filter(workspace_id))
        rows: list[dict[str, Any]] = []
        offset: Any = None
        while True:
            with self._calling(name):
                records, offset = self.client.scroll(
                    name, scroll_filter=mine, limit=SCROLL, offset=offset, with_vectors=False
                )
                rows += [{"point_id": str(r.id), **(r.payload or {})} for r in records]
            if offset is None:
                # Payloads are never trusted: a value of another type becomes unknown.
                return pl.DataFrame(rows, schema=_POINT_SCHEMA, strict=False)

    def nearest_windows(
        self, name: str, vector: Floats32, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        """The `limit` nearest windows, each by its nearest matching point.

        Asks again, without the windows it has, until enough are there and the next one is
        strictly farther than the last that is kept. A server that groups looks only at so many
        points before it answers: with hundreds of trials per window it returns fewer groups than
        asked for, although more exist.
        """
        found: dict[str, WindowHit] = {}
        while not complete(found.values(), limit):
            more = self._groups(name, vector, where, list(found), max(limit + 1, len(found)))
            if not more:
                break
            found |= {hit.window_key: hit for hit in more}
        return by_similarity(found.values())[:limit]

    def _groups(
        self, name: str, vector: Floats32, where: VectorFilter, known: list[str], limit: int
    ) -> list[WindowHit]:
        with self._calling(name):
            result = self.client.query_points_groups(
                name,
                group_by="window_key",
                query=vector.tolist(),
                query_filter=_condition(where, known),
                # The in-memory client is always exact, and warns when it is told to be.
                search_params=None if self._local else models.SearchParams(exact=True),
                limit=limit,
                group_size=1,
                with_payload=False,
            )
            return [
                WindowHit(str(group.id), str(group.hits[0].id), rounded(group.hits[0].score))
                for group in result.groups
            ]

    def close(self) -> None:
        """Closes the client."""
        self.client.close()

    @contextmanager
    def _calling(self, name: str) -> Iterator[None]:
        """One request, alone if need be, and no longer than its time; errors are translated."""
        try:
            with self._guard, patience(self._timeout_s):
                yield
        except TradingKBError:
            raise
        except UNFORESEEN as error:
            answer = self._translated(error, name)
            if answer is None:
                raise
            raise answer from error


def _payloads(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One mapping per row; what is unknown is left out."""
    return [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]


def _exists_already(error: Exception) -> bool:
    """Whether another one made the collection first: 409, and 400 of older servers."""
    if isinstance(error, UnexpectedResponse) and error.status_code != 400:
        return error.status_code == 409
    return "already exists" in str(error)


def _require_done(result: models.UpdateResult) -> None:
    if result.status != models.UpdateStatus.COMPLETED:
        raise BackendUnavailableError(
            f"Qdrant accepted a write but has not applied it ({result.status.value}): try again"
        )


def _condition(where: VectorFilter, without: Sequence[str] = ()) -> models.Filter:
    return models.Filter.model_validate(filter_json(where, without))
