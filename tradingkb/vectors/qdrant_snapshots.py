"""Snapshots of collections on Qdrant, which the server keeps, and reads by their URL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from qdrant_client.qdrant_remote import QdrantRemote

from tradingkb.exceptions import ConfigurationError, EmptyCollectionError, NotFoundError
from tradingkb.ports import SnapshotInfo
from tradingkb.vectors.qdrant_calls import Json
from tradingkb.vectors.qdrant_collections import QdrantCollections

#: How long a snapshot may take to be written or read, in all.
SLOW_S: Final = 600.0


class QdrantSnapshots(QdrantCollections):
    """Part of `QdrantVectorIndex`."""

    def snapshot(self, name: str) -> SnapshotInfo:
        """Keeps what a collection holds now.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: it belongs to another program; this server holds a part of it only,
                or keeps no snapshots.
        """
        self._require_server()
        info = self._found(name)
        self._require_ours(name, info)
        if info is not None:
            self._require_whole(name)
        with self._calling(name, timeout_s=SLOW_S):
            said = self._asked(
                "POST", "/collections/{name}/snapshots", {"name": name}, timeout_s=SLOW_S
            )
            return _described(name, said)

    def snapshots(self, name: str) -> list[SnapshotInfo]:
        """The snapshots of a collection, oldest first; of one that is not there, none."""
        try:
            return self._kept(name)
        except EmptyCollectionError:
            return []

    def drop_snapshot(self, name: str, snapshot: str) -> None:
        """Deletes a snapshot.

        Raises:
            NotFoundError: the collection has no such snapshot.
            EmptyCollectionError: no such collection: the server shows its snapshots with it only.
            ConfigurationError: it belongs to another program.
        """
        self._require_server()
        self._require_kept(self._kept(name), snapshot)
        self._require_ours(name, self._found(name))
        with self._calling(name):
            self.client.delete_snapshot(name, snapshot, wait=True)

    def recover(self, name: str, snapshot: str, into: str) -> SnapshotInfo:
        """Makes a new collection of what a snapshot of `name` holds.

        The server hands snapshots out under the name of a collection that exists. Where `name` does
        not, an empty one stands in for it meanwhile. A process that is killed leaves it behind, for
        the next recovery to delete, or for `ensure_collection` to replace.

        Raises:
            NotFoundError: the collection has no such snapshot.
            ConfigurationError: `into` exists, `name` belongs to another program, or the server
                cannot read its own snapshots.
        """
        self._require_server()
        if into == name or self._found(into) is not None:
            raise ConfigurationError(
                f"collection {into!r} exists: a snapshot is recovered into a new one, give another "
                "name"
            )
        info = self._found(name)
        self._require_ours(name, info)
        if info is None:
            self._stand_in(name)
        try:
            kept = self._require_kept(self._kept(name), snapshot)
            self._recover(name, kept, into)
            return kept
        finally:
            # Looked at again: another process may have made the collection in the meantime.
            self._drop_stand_in(name, self._found(name))

    def _recover(self, name: str, kept: SnapshotInfo, into: str) -> None:
        remote = self.client._client
        assert isinstance(remote, QdrantRemote)
        location = f"{_without_user(remote.rest_uri)}/collections/{quote(name, safe='')}/snapshots/"
        asked: Json = {"location": location + quote(kept.name, safe=""), "priority": "snapshot"}
        if self._api_key:
            asked["api_key"] = self._api_key
        try:
            with self._calling(into, look=False, timeout_s=SLOW_S):
                self._asked(
                    "PUT",
                    "/collections/{into}/snapshots/recover",
                    {"into": into},
                    timeout_s=SLOW_S,
                    body=asked,
                )
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error}; the server reads the snapshot itself, from {location}...: it has to "
                "reach itself at QDRANT_URL"
            ) from error

    def _kept(self, name: str) -> list[SnapshotInfo]:
        if self._local:
            return []
        with self._calling(name):
            said = self._asked("GET", "/collections/{name}/snapshots", {"name": name})
            found = [_described(name, one) for one in said]
        return sorted(found, key=lambda one: (one.created_at or _EVER, one.name))

    def _require_whole(self, name: str) -> None:
        """Refuses to keep a part: a server of a cluster keeps the shards that it holds."""
        with self._calling(name):
            said = self._asked("GET", "/collections/{name}/cluster", {"name": name})
            here = {shard["shard_id"] for shard in said["local_shards"]}
            elsewhere = {shard["shard_id"] for shard in said["remote_shards"]} - here
        if elsewhere:
            raise ConfigurationError(
                f"{len(elsewhere)} of {said['shard_count']} shards of collection {name!r} are on "
                "other servers of the cluster, and a snapshot would lack them: take one on each "
                "server, or rebuild by kb.reembed()"
            )

    def _require_ours(self, name: str, info: Json | None) -> None:
        if info is not None:
            self._refuse(name, self._foreign(name, info))

    def _require_server(self) -> None:
        if self._local:
            raise ConfigurationError(
                "the in-memory Qdrant keeps no snapshots: set QDRANT_URL to a server, or leave it "
                "out for the embedded index"
            )

    @staticmethod
    def _require_kept(kept: list[SnapshotInfo], snapshot: str) -> SnapshotInfo:
        for one in kept:
            if one.name == snapshot:
                return one
        raise NotFoundError(
            "snapshot", snapshot, [one.name for one in kept], remedy="kb.snapshots() lists them"
        )


_EVER: Final = datetime.min.replace(tzinfo=UTC)


def _described(name: str, said: Any) -> SnapshotInfo:
    at = said.get("creation_time")
    return SnapshotInfo(
        str(said["name"]),
        name,
        datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None,
        int(said.get("size") or 0),
    )


def _without_user(url: str) -> str:
    """The server's address without user and password: it is sent, and logged there."""
    scheme, mark, rest = url.rstrip("/").partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
