"""Qdrant's REST protocol: which request asks what of a `QdrantState`, and what is answered.

Bodies are read by the models of qdrant_client; statuses and texts are the server's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import models

from tradingkb.testing.qdrant_state import PEER, QdrantState, RefusedError


@dataclass(frozen=True)
class Asked:
    """A request, and what the server was told to do about it.

    Attributes:
        method: of HTTP.
        path: without what follows `?`.
        query: what follows it.
        body: its JSON.
        now: the time.
        fetch: reads the bytes at a URL, with an API key.
        most_groups: a search by groups gives no more than so many.
        off_by: how far approximate counts are from the exact ones.
        undone: a write is answered by `wait_timeout` and has not happened.
        late: a write is answered by `wait_timeout` and has happened.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    now: datetime
    fetch: Callable[[str, str | None], bytes]
    most_groups: int | None = None
    off_by: int = 0
    undone: bool = False
    late: bool = False

    def read(self, kind: Any) -> Any:
        """The body as a model of qdrant_client; 400 where it is none."""
        try:
            return TypeAdapter(kind).validate_python(self.body)
        except ValidationError as error:
            raise RefusedError(
                400, f"Format error in JSON body: {error.errors()[0]['msg']}"
            ) from None

    def write(self, do: Callable[[], object]) -> dict[str, Any]:
        """Does a write as it was asked for; says what the server says of it."""
        if not self.undone:
            do()
        if self.undone or self.late:
            return {"operation_id": 1, "status": "wait_timeout"}
        done = self.query.get("wait", "false") == "true"
        return {"operation_id": 1, "status": "completed" if done else "acknowledged"}


def answer(state: QdrantState, asked: Asked) -> Any:
    """What is answered: JSON, or bytes for a snapshot that is read.

    Raises:
        RefusedError: the server refuses the request.
    """
    known = False
    for method, pattern, do in _ROUTES:
        if found := pattern.fullmatch(asked.path):
            known = True
            if method == asked.method:
                try:
                    return do(state, asked, *found.groups())
                except (ValueError, NotImplementedError) as error:
                    raise RefusedError(400, f"Wrong input: {error}") from None
    raise RefusedError(405 if known else 404, "")


def plain(value: Any) -> Any:
    """JSON of models, nested or not; without what is unknown."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


def _collection(state: QdrantState, asked: Asked, name: str) -> Any:
    return state.described(name, asked.off_by)


def _create(state: QdrantState, asked: Asked, name: str) -> Any:
    return state.create(name, asked.read(models.CreateCollection))


def _index(state: QdrantState, asked: Asked, name: str) -> Any:
    made = asked.read(models.CreateFieldIndex)
    return asked.write(lambda: state.index(name, made.field_name, plain(made.field_schema)))


def _unindex(state: QdrantState, asked: Asked, name: str, field: str) -> Any:
    return asked.write(lambda: state.unindex(name, field))


def _set_aliases(state: QdrantState, asked: Asked) -> Any:
    return state.alias(asked.read(models.ChangeAliasesOperation).actions)


def _upsert(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.PointInsertOperations)
    if isinstance(given, models.PointsBatch):
        batch = given.batch
        ids, vectors = batch.ids, batch.vectors
        points: Any = batch
    else:
        points = given.points
        ids, vectors = [p.id for p in points], [p.vector for p in points]
    state.check(name, list(ids), list(vectors) if isinstance(vectors, list) else [])
    return asked.write(lambda: state.local.upsert(name, points))


def _delete_points(state: QdrantState, asked: Asked, name: str) -> Any:
    name, chosen = state.find(name), asked.read(models.PointsSelector)
    if isinstance(chosen, models.PointIdsList):
        state.check(name, list(chosen.points), [])
    return asked.write(lambda: state.local.delete(name, chosen))


def _set_payload(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.SetPayload)
    chosen: Any = given.points if given.points is not None else given.filter
    return asked.write(lambda: state.local.set_payload(name, given.payload, chosen, given.key))


def _retrieve(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.PointRequest)
    return plain(
        state.local.retrieve(
            name, given.ids, given.with_payload is not False, bool(given.with_vector)
        )
    )


def _point(state: QdrantState, name: str, one: str) -> Any:
    found = state.local.retrieve(state.find(name), [int(one) if one.isdigit() else one], True, True)
    if not found:
        raise RefusedError(404, f"Not found: Point with id {one} does not exists!")
    return plain(found[0])


def _count(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.CountRequest)
    exact = state.local.count(name, given.filter).count
    return {"count": exact if given.exact is not False else max(0, exact + asked.off_by)}


def _scroll(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.ScrollRequest)
    points, after = state.local.scroll(
        name,
        given.filter,
        limit=given.limit or 10,
        order_by=given.order_by,
        offset=given.offset,
        with_payload=True if given.with_payload is None else given.with_payload,
        with_vectors=given.with_vector or False,
    )
    return {"points": plain(points), "next_page_offset": after}


def _query(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.QueryRequest)
    _check_query(state, name, given.query)
    return plain(
        state.local.query_points(
            name,
            given.query,
            query_filter=given.filter,
            limit=given.limit or 10,
            offset=given.offset,
            with_payload=given.with_payload or False,
            with_vectors=given.with_vector or False,
            score_threshold=given.score_threshold,
        )
    )


def _groups(state: QdrantState, asked: Asked, name: str) -> Any:
    name, given = state.find(name), asked.read(models.QueryGroupsRequest)
    _check_query(state, name, given.query)
    limit = given.limit or 10
    return plain(
        state.local.query_points_groups(
            name,
            given.group_by,
            given.query,
            query_filter=given.filter,
            limit=limit if asked.most_groups is None else min(limit, asked.most_groups),
            group_size=given.group_size or 3,
            with_payload=given.with_payload or False,
            with_vectors=given.with_vector or False,
            score_threshold=given.score_threshold,
        )
    )


def _check_query(state: QdrantState, name: str, query: Any) -> None:
    nearest = query.nearest if isinstance(query, models.NearestQuery) else query
    state.check(name, [], [nearest])


def _snapshot(state: QdrantState, asked: Asked, name: str) -> Any:
    return state.snapshot(name, asked.now)


def _recover(state: QdrantState, asked: Asked, name: str) -> Any:
    given = asked.read(models.SnapshotRecover)
    # What is read may be of this server: not while it is locked.
    held = asked.fetch(given.location, given.api_key)
    with state.lock:
        return state.recover(name, held)


def _collections(state: QdrantState) -> Any:
    return {"collections": [{"name": name} for name in state.local.collections]}


def _exists(state: QdrantState, name: str) -> Any:
    return {"exists": name in state.local.collections or name in state.local.aliases}


def _aliases(state: QdrantState) -> Any:
    return plain(state.local.get_aliases())


def _aliases_of(state: QdrantState, name: str) -> Any:
    return plain(state.local.get_collection_aliases(state.find(name)))


def _looks(look: Callable[..., Any]) -> Callable[..., Any]:
    """A route for which path alone says everything."""
    return lambda state, _, *names: look(state, *names)


#: Whoever holds the lock for these would wait for itself.
UNLOCKED: Final = re.compile(r"/collections/[^/]+/snapshots/recover")
_NAME: Final = "([^/]+)"
_ROUTES: Final[list[tuple[str, re.Pattern[str], Callable[..., Any]]]] = [
    (method, re.compile(path.replace("{}", _NAME)), do)
    for method, path, do in (
        ("GET", "/collections", _looks(_collections)),
        ("POST", "/collections/aliases", _set_aliases),
        ("GET", "/aliases", _looks(_aliases)),
        ("GET", "/cluster", _looks(lambda _: {"status": "disabled", "peer_id": PEER})),
        ("GET", "/collections/{}", _collection),
        ("PUT", "/collections/{}", _create),
        ("DELETE", "/collections/{}", _looks(QdrantState.delete)),
        ("GET", "/collections/{}/exists", _looks(_exists)),
        ("GET", "/collections/{}/aliases", _looks(_aliases_of)),
        ("GET", "/collections/{}/cluster", _looks(QdrantState.cluster)),
        ("PUT", "/collections/{}/index", _index),
        ("DELETE", "/collections/{}/index/{}", _unindex),
        ("PUT", "/collections/{}/points", _upsert),
        ("POST", "/collections/{}/points", _retrieve),
        ("POST", "/collections/{}/points/delete", _delete_points),
        ("POST", "/collections/{}/points/payload", _set_payload),
        ("POST", "/collections/{}/points/count", _count),
        ("POST", "/collections/{}/points/scroll", _scroll),
        ("POST", "/collections/{}/points/query", _query),
        ("POST", "/collections/{}/points/query/groups", _groups),
        ("GET", "/collections/{}/points/{}", _looks(_point)),
        ("GET", "/collections/{}/snapshots", _looks(QdrantState.snapshots)),
        ("POST", "/collections/{}/snapshots", _snapshot),
        ("PUT", "/collections/{}/snapshots/recover", _recover),
        ("GET", "/collections/{}/snapshots/{}", _looks(QdrantState.snapshot_file)),
        ("DELETE", "/collections/{}/snapshots/{}", _looks(QdrantState.delete_snapshot)),
    )
]
