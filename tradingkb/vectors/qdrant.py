"""The `VectorIndex` port on Qdrant: the server set-up, and its `:memory:` mode for tests.

Only the modules `qdrant*` import qdrant_client, and nothing imports them before they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from qdrant_client import models

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.ports import PAYLOAD, Floats32, Points, VectorFilter, WindowHit
from tradingkb.vectors.order import by_similarity, complete, rounded
from tradingkb.vectors.qdrant_filter import filter_json, workspace_filter
from tradingkb.vectors.qdrant_snapshots import QdrantSnapshots

#: Points in one request: as many as these bytes of JSON hold, but no fewer and no more than that.
#: A server refuses bodies of more than 32 MB.
BATCH_BYTES: Final = 4_000_000
FEWEST: Final = 64
BATCH: Final = 256
_BYTES_OF_A_NUMBER: Final = 22
_BYTES_OF_A_PAYLOAD: Final = 400
#: Points per page when all of them are listed.
SCROLL: Final = 2048
#: Numbers of a vector that came back differ by less: the server scales vectors to length 1.
_SAME: Final = 1e-5
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


class QdrantVectorIndex(QdrantSnapshots):
    """Points in Qdrant collections; see `tradingkb.ports.VectorIndex` for the guarantees.

    Searches are exact: an approximate one may miss windows behind a strict filter, and a filter
    leaves few enough points (one strategy of one workspace) to look at them all.
    """

    exact = True
    remote = True

    def upsert(self, name: str, points: Points) -> None:
        """Writes points in batches, replacing those of the same id.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: the vectors have another dimension.
            BackendUnavailableError: nobody knows whether a batch was written.
        """
        payload = points.payload.select(PAYLOAD)
        dimension = points.vectors.shape[1]
        for part in _parts(len(points.ids), batch_size(dimension)):
            batch = models.Batch(
                ids=list(points.ids[part]),
                vectors=points.vectors[part].tolist(),
                payloads=_payloads(payload[part]),
            )
            with self._calling(name, dimension=dimension):
                done = self.client.upsert(name, points=batch, wait=True)
                if not _done(done) and not self._holds(name, batch):
                    raise _unknown(done)

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points; ids that do not exist are no error."""
        for part in _parts(len(ids), BATCH):
            gone = list(ids[part])
            with self._calling(name):
                done = self.client.delete(name, models.PointIdsList(points=gone), wait=True)
                if not _done(done) and self.client.retrieve(name, gone, with_payload=False):
                    raise _unknown(done)

    def _holds(self, name: str, batch: models.Batch) -> bool:
        """Whether these points are there as they were sent: what a time-out leaves open."""
        ids, vectors, payloads = list(batch.ids), np.array(batch.vectors), batch.payloads or []
        found = self.client.retrieve(name, ids, with_payload=True, with_vectors=True)
        there = {str(record.id): record for record in found}
        for one, vector, payload in zip(ids, vectors, payloads, strict=True):
            record = there.get(str(one))
            if record is None or record.payload != payload:
                return False
            if not np.allclose(np.array(record.vector), vector, atol=_SAME):
                return False
        return True

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
        with self._calling(name, dimension=len(vector)):
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


def batch_size(dimension: int) -> int:
    """How many points of that dimension go into one request."""
    fit = BATCH_BYTES // (dimension * _BYTES_OF_A_NUMBER + _BYTES_OF_A_PAYLOAD)
    return min(max(fit, FEWEST), BATCH)


def _parts(n: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def _payloads(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One mapping per row; what is unknown is left out."""
    return [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]


def _done(result: models.UpdateResult) -> bool:
    return result.status == models.UpdateStatus.COMPLETED


def _unknown(result: models.UpdateResult) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"Qdrant accepted a write but has not applied it ({result.status.value}): try again"
    )


def _condition(where: VectorFilter, without: Sequence[str] = ()) -> models.Filter:
    return models.Filter.model_validate(filter_json(where, without))
