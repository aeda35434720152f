"""What a Qdrant server keeps: collections, indexes, aliases, points and snapshots, in memory.

The points live in qdrant_client's local mode. Around it is what that leaves out: what a collection
was made with, payload indexes, snapshots, and the server's own refusals with their status.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from qdrant_client import models
from qdrant_client.local.qdrant_local import QdrantLocal

PEER: Final = 7093122346
#: Points per page of a collection that goes into a snapshot.
_PAGE: Final = 10_000


class RefusedError(Exception):
    """A request that the server refuses.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class QdrantState:
    """What a server keeps; any number of threads may use it.

    Attributes:
        lock: held while the local mode is used, which is not thread-safe.
        local: the points.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.local = QdrantLocal(":memory:")
        self._made_with: dict[str, models.CreateCollection] = {}
        self._indexes: dict[str, dict[str, Any]] = {}
        # By the name of the collection: the server keeps them when the collection is deleted.
        self._snapshots: dict[str, dict[str, _Snapshot]] = {}

    def empty(self) -> None:
        """Forgets everything, snapshots too."""
        with self.lock:
            for name in list(self.local.collections):
                self.delete(name)
            self._snapshots.clear()

    # collections

    def find(self, name: str) -> str:
        """The collection of that name or alias.

        Raises:
            RefusedError: there is none (404).
        """
        found = self.local.aliases.get(name, name)
        if found not in self.local.collections:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        return found

    def create(self, name: str, made_with: models.CreateCollection) -> bool:
        """Makes a collection; one of that name is a conflict (409)."""
        if name in self.local.collections:
            raise _conflict(name)
        if name in self.local.aliases:
            raise RefusedError(
                400,
                f"Wrong input: Can't create collection with name {name}. Alias with the same name "
                "already exists",
            )
        self.local.create_collection(
            name,
            made_with.vectors,
            made_with.sparse_vectors,
            metadata=made_with.metadata,
        )
        self._made_with[name] = made_with
        self._indexes[name] = {}
        return True

    def delete(self, name: str) -> bool:
        """Deletes a collection with its aliases; whether there was one."""
        self._made_with.pop(name, None)
        self._indexes.pop(name, None)
        return self.local.delete_collection(name)

    def described(self, name: str, off_by: int = 0) -> dict[str, Any]:
        """What `GET /collections/{name}` says; its counts are approximate."""
        name = self.find(name)
        said = self.local.get_collection(name).model_dump(mode="json", exclude_none=True)
        made = self._made_with[name]
        said["points_count"] = max(0, said["points_count"] + off_by)
        said["payload_schema"] = {
            field: {**_data_type(kind), "points": said["points_count"]}
            for field, kind in self._indexes[name].items()
        }
        said["config"]["params"] |= {
            "shard_number": made.shard_number or 1,
            "replication_factor": made.replication_factor or 1,
            "write_consistency_factor": made.write_consistency_factor or 1,
            "on_disk_payload": made.on_disk_payload is not False,
        }
        return said

    def cluster(self, name: str) -> dict[str, Any]:
        """What `GET /collections/{name}/cluster` says of a server that stands alone."""
        name = self.find(name)
        shards = self._made_with[name].shard_number or 1
        points = self.local.count(name).count
        local = [
            {"shard_id": n, "points_count": points if n == 0 else 0, "state": "Active"}
            for n in range(shards)
        ]
        return {
            "peer_id": PEER,
            "shard_count": shards,
            "local_shards": local,
            "remote_shards": [],
            "shard_transfers": [],
        }

    def index(self, name: str, field: str, kind: Any) -> None:
        """Adds a payload index, or replaces it."""
        self._indexes[self.find(name)][field] = kind

    def unindex(self, name: str, field: str) -> None:
        """Removes a payload index; there need not be one."""
        self._indexes[self.find(name)].pop(field, None)

    def alias(self, actions: list[Any]) -> bool:
        """Changes aliases, one after the other: what came before a refusal stays done."""
        for action in actions:
            if isinstance(action, models.CreateAliasOperation):
                made = action.create_alias
                if made.collection_name not in self.local.collections:
                    self.find(made.collection_name)
                if made.alias_name in self.local.collections:
                    raise RefusedError(
                        409, f"Wrong input: Collection `{made.alias_name}` already exists!"
                    )
            elif isinstance(action, models.RenameAliasOperation):
                old = action.rename_alias.old_alias_name
                if old not in self.local.aliases:
                    raise RefusedError(404, f"Not found: Alias {old} does not exists!")
            self.local.update_collection_aliases([action])
        return True

    # points

    def check(self, name: str, ids: list[Any], vectors: list[Any]) -> None:
        """Refuses ids that are none and vectors of another dimension (400)."""
        for one in ids:
            _check_id(one)
        made = self._made_with[name].vectors
        if not isinstance(made, models.VectorParams) or made.multivector_config is not None:
            return
        for vector in vectors:
            if isinstance(vector, list) and len(vector) != made.size:
                raise RefusedError(
                    400,
                    f"Wrong input: Vector dimension error: expected dim: {made.size}, "
                    f"got {len(vector)}",
                )

    # snapshots

    def snapshot(self, name: str, now: datetime) -> dict[str, Any]:
        """Keeps what a collection holds; a second one of the same second replaces the first."""
        name = self.find(name)
        points: list[dict[str, Any]] = []
        offset: Any = None
        while True:
            page, offset = self.local.scroll(
                name, limit=_PAGE, offset=offset, with_payload=True, with_vectors=True
            )
            points += [one.model_dump(mode="json", include=_OF_A_POINT) for one in page]
            if offset is None:
                break
        held = {
            "made_with": self._made_with[name].model_dump(mode="json", exclude_none=True),
            "indexes": self._indexes[name],
            "points": points,
        }
        file = f"{name}-{PEER}-{now:%Y-%m-%d-%H-%M-%S}.snapshot"
        kept = _Snapshot(json.dumps(held).encode(), now)
        self._snapshots.setdefault(name, {})[file] = kept
        return kept.described(file)

    def snapshots(self, name: str) -> list[dict[str, Any]]:
        """The snapshots of a collection that exists; also those of an earlier one of its name."""
        kept = self._snapshots.get(self.find(name), {})
        return [snapshot.described(file) for file, snapshot in kept.items()]

    def snapshot_file(self, name: str, file: str) -> bytes:
        """What a snapshot holds.

        Raises:
            RefusedError: no such collection, or no such snapshot (404).
        """
        return self._kept(name, file).held

    def delete_snapshot(self, name: str, file: str) -> bool:
        """Deletes a snapshot; a missing one is refused (404)."""
        self._kept(name, file)
        del self._snapshots[self.find(name)][file]
        return True

    def recover(self, name: str, held: bytes) -> bool:
        """Makes a collection anew from a snapshot; what one of that name held is gone.

        Raises:
            RefusedError: it is none (500), or of another kind of collection (400).
        """
        try:
            read = json.loads(held)
            made_with = models.CreateCollection.model_validate(read["made_with"])
        except (ValueError, KeyError, TypeError):
            raise RefusedError(
                500, "Service internal error: File IO error: failed to iterate over archive"
            ) from None
        if name in self._made_with:
            there = self._made_with[name]
            if there.vectors != made_with.vectors or (there.shard_number or 1) != (
                made_with.shard_number or 1
            ):
                raise RefusedError(
                    400, "Wrong input: Snapshot is not compatible with existing collection"
                )
            aliases = dict(self.local.aliases)
            self.delete(name)
            self.local.aliases = aliases
            self.local.create_collection(name, made_with.vectors, made_with.sparse_vectors)
            self._made_with[name] = there
        else:
            self.create(name, made_with)
        self._indexes[name] = dict(read["indexes"])
        if read["points"]:
            self.local.upsert(name, [models.PointStruct.model_validate(p) for p in read["points"]])
        return True

    def _kept(self, name: str, file: str) -> _Snapshot:
        kept = self._snapshots.get(self.find(name), {})
        if file not in kept:
            raise RefusedError(404, f"Not found: Snapshot {file}")
        return kept[file]


_OF_A_POINT: Final[Any] = {"id", "vector", "payload"}


class _Snapshot:
    def __init__(self, held: bytes, at: datetime) -> None:
        self.held = held
        self.at = at

    def described(self, file: str) -> dict[str, Any]:
        return {
            "name": file,
            "creation_time": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "size": len(self.held),
            "checksum": hashlib.sha256(self.held).hexdigest(),
        }


def _conflict(name: str) -> RefusedError:
    return RefusedError(409, f"Wrong input: Collection `{name}` already exists!")


def _data_type(kind: Any) -> dict[str, Any]:
    if isinstance(kind, str):
        return {"data_type": kind}
    return {"data_type": kind["type"], "params": kind}


def _check_id(given: Any) -> None:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return
    parse: Callable[[str], uuid.UUID] = uuid.UUID
    try:
        parse(str(given))
    except ValueError:
        raise RefusedError(
            400,
            f"Format error in JSON body: value {given} is not a valid point ID, valid values are "
            "either an unsigned integer or a UUID",
        ) from None
