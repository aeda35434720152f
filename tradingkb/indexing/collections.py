"""Collections of the vector index: listed, kept, recovered, dropped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    NotFoundError,
)
from tradingkb.indexing.collection_reports import (
    DroppedSnapshot,
    DropReport,
    RecoveryReport,
    SnapshotReport,
)
from tradingkb.indexing.indexer import Indexer
from tradingkb.indexing.taking_over import KeptStore, take_over
from tradingkb.observability import emit
from tradingkb.ports import CollectionInfo, SnapshotInfo

_PREFIX: Final = "kb_"
#: How a workspace's choice and the environment's are told apart in the column `active_for`.
ENVIRONMENT: Final = "(environment)"
COLLECTIONS: Final[dict[str, Any]] = {
    "collection": pl.String,
    "model": pl.String,
    "dimension": pl.Int64,
    "points": pl.Int64,
    "state": pl.String,
    "shards": pl.Int64,
    "replicas": pl.Int64,
    "payload_indexes": pl.List(pl.String),
    "aliases": pl.List(pl.String),
    "active_for": pl.List(pl.String),
    "foreign": pl.String,
}
SNAPSHOTS: Final[dict[str, Any]] = {
    "snapshot": pl.String,
    "collection": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "size_bytes": pl.Int64,
    "points": pl.Int64,
}
#: A server's clock may be so much ahead of ours, and it says seconds only.
SKEW: Final = timedelta(minutes=1)
_NEVER: Final = datetime.min.replace(year=1970, tzinfo=UTC)
_VERSION: Final = re.compile(r"(.*)_v(\d+)")


class Spaces(Protocol):
    """What is asked about workspaces."""

    def targets(self, name: str | None) -> list[IndexTarget]:
        """The index in force of one workspace, or of all."""

    def default_target(self) -> IndexTarget:
        """The environment's model and collection, of no workspace."""

    def alias_target(self) -> str:
        """The collection that all workspaces search; the environment's where they differ."""

    def chosen(
        self, active: IndexTarget, embed_model: str | None, collection: str | None
    ) -> IndexTarget:
        """Another index than the active one; InvalidInputError for no name of a collection."""


class CollectionKeeper:
    """Looks after the collections of one knowledge base; SQL stays the truth."""

    def __init__(self, store: KeptStore, indexer: Indexer, spaces: Spaces) -> None:
        """Takes what is asked: entries, the index, and who searches what."""
        self._store = store
        self._indexer = indexer
        self._vectors = indexer.vectors
        self._spaces = spaces

    def table(self) -> pl.DataFrame:
        """One row per collection of the index, by name."""
        active = self._active()
        rows = []
        for name in self._vectors.collections():
            info = self._vectors.describe(name)
            if info is not None:
                rows.append(self._row(info, active.get(name, [])))
        return pl.DataFrame(rows, schema=COLLECTIONS, orient="row")

    def _row(self, info: CollectionInfo, active: Sequence[IndexTarget]) -> tuple[Any, ...]:
        models = {target.model for target in active} or set(self._store.index_models(info.name))
        return (
            info.name,
            ", ".join(sorted(models)) or None,
            info.dimension,
            info.points,
            info.state,
            info.shards,
            info.replicas,
            list(info.payload_indexes),
            list(info.aliases),
            [target.workspace.slug or ENVIRONMENT for target in active],
            info.foreign,
        )

    def snapshot(self, collection: str | None) -> SnapshotReport:
        """Keeps what a collection holds now; raises as the port."""
        kept = self._vectors.snapshot(collection or self._spaces.alias_target())
        emit("kb_collection_kept", collection=kept.collection, snapshot=kept.name)
        return SnapshotReport(
            kept.name, kept.collection, kept.created_at, kept.size_bytes, kept.points
        )

    def snapshots(self, collection: str | None) -> pl.DataFrame:
        """One row per snapshot, by collection and age."""
        rows = [
            (kept.name, kept.collection, kept.created_at, kept.size_bytes, kept.points)
            for name in ([collection] if collection else self._ours())
            for kept in self._vectors.snapshots(name)
        ]
        return pl.DataFrame(rows, schema=SNAPSHOTS, orient="row")

    def drop_snapshot(self, snapshot: str, collection: str | None) -> DroppedSnapshot:
        """Deletes a snapshot.

        Raises:
            NotFoundError: there is no such snapshot.
        """
        name = self._place(snapshot, collection)
        self._vectors.drop_snapshot(name, snapshot)
        emit("kb_snapshot_dropped", collection=name, snapshot=snapshot)
        return DroppedSnapshot(snapshot, name)

    def drop(self, name: str, *, force: bool) -> DropReport:
        """Drops a collection; its snapshots stay.

        Raises:
            NotFoundError: there is no such collection.
            ConfigurationError: it is another program's; or it is searched, unless `force`.
        """
        info = self._vectors.describe(name)
        if info is None:
            raise NotFoundError("collection", name, self._vectors.collections())
        active = self._active().get(name, [])
        searched = tuple(target.workspace.slug or ENVIRONMENT for target in active)
        if searched and not force and info.foreign is None:
            raise ConfigurationError(
                f"collection {name!r} is searched by {', '.join(searched)}: activate another one "
                "first, or drop it with force=True and re-embed"
            )
        kept = self._vectors.snapshots(name)
        self._vectors.drop(name)
        if not searched:  # nobody misses it: else its entries say what has to be made again
            for workspace_id, collection in self._store.index_places():
                if collection == name:
                    self._store.forget_index(workspace_id, name)
        emit("kb_collection_dropped", collection=name, points=info.points, searched=bool(searched))
        return DropReport(name, info.points, searched, len(kept))

    def recover(self, snapshot: str, collection: str | None, into: str | None) -> RecoveryReport:
        """Makes a new collection of a snapshot, and counts what is in it.

        Entries of trials that were indexed before the snapshot, and are what they were, are taken
        over: only what has changed since has to be embedded again.

        Raises:
            NotFoundError: there is no such snapshot.
            InvalidInputError: `into` is no name of a collection.
            ConfigurationError: `into` exists, or holds another number of points than the snapshot.
            BackendUnavailableError: nobody knows whether it was recovered: kb.collections() says.
        """
        name = self._place(snapshot, collection)
        into = into or next_version(name, self._vectors.collections())
        self._spaces.chosen(self._spaces.default_target(), None, into)
        try:
            kept = self._vectors.recover(name, snapshot, into)
        except BackendUnavailableError as error:
            raise BackendUnavailableError(
                f"{error}; whether collection {into!r} is there, kb.collections() says: drop it "
                "before it is recovered again"
            ) from error
        info = self._counted(into, kept)
        model = self._model(name)
        dimension = info.dimension or 0
        self._vectors.ensure_collection(into, dimension)  # its payload indexes
        current = self._take_over(name, kept, into, model)
        emit(
            "kb_collection_recovered",
            collection=into,
            snapshot=snapshot,
            points=info.points,
            current=current,
        )
        return RecoveryReport(
            snapshot,
            name,
            into,
            model,
            dimension,
            None if model is None else self._made(model) == dimension,
            info.points,
            current,
        )

    def _counted(self, into: str, kept: SnapshotInfo) -> CollectionInfo:
        info = self._vectors.describe(into)
        if info is None:
            raise BackendUnavailableError(f"collection {into!r} was recovered and is not there")
        if kept.points not in (None, info.points):
            raise ConfigurationError(
                f"collection {into!r} holds {info.points:,} of the {kept.points:,} points of the "
                "snapshot: drop it, and recover it again or re-embed"
            )
        return info

    def _take_over(self, name: str, kept: SnapshotInfo, into: str, model: str | None) -> int:
        """How many points are current in the new collection."""
        skew = SKEW if self._vectors.remote else timedelta(0)
        return take_over(
            self._store,
            self._vectors,
            name,
            into,
            model=model,
            before=_NEVER if kept.created_at is None else kept.created_at - skew,
            clock=self._indexer.clock,
        )

    def _place(self, snapshot: str, collection: str | None) -> str:
        """The collection of a snapshot.

        A server shows no snapshots of a collection that is gone: its name is that of the snapshot.
        """
        listed = list(self._listed([collection] if collection else self._ours()))
        for kept in listed:
            if kept.name == snapshot:
                return kept.collection
        begun = [name for name in self._ours() if snapshot.startswith(f"{name}-")]
        found = collection or max(begun, key=len, default=None)
        if found is None or self._vectors.describe(found) is not None:
            names = [kept.name for kept in listed]
            raise NotFoundError("snapshot", snapshot, names, remedy="kb.snapshots() lists them")
        return found

    def _listed(self, names: Sequence[str]) -> Iterator[SnapshotInfo]:
        for name in names:
            yield from self._vectors.snapshots(name)

    def _ours(self) -> list[str]:
        """Collections that may have snapshots of ours, by name; some may be gone."""
        known = {name for _, name in self._store.index_places()} | set(self._active())
        held = {name for name in self._vectors.collections() if name.startswith(_PREFIX)}
        return sorted(known | held)

    def _active(self) -> dict[str, list[IndexTarget]]:
        """Who searches each collection: workspaces, and the environment."""
        found: dict[str, list[IndexTarget]] = {}
        for target in [*self._spaces.targets(None), self._spaces.default_target()]:
            found.setdefault(target.collection, []).append(target)
        return found

    def _model(self, name: str) -> str | None:
        """The model that made a collection's vectors, as far as that is one."""
        active = {target.model for target in self._active().get(name, [])}
        models = active or set(self._store.index_models(name))
        return models.pop() if len(models) == 1 else None

    def _made(self, model: str) -> int | None:
        try:
            return self._indexer.embedders(model, None).dimension
        except (ConfigurationError, BackendUnavailableError):
            return None


def next_version(name: str, taken: Collection[str]) -> str:
    """The name of a collection with the next version that is not taken; pure."""
    parts = _VERSION.fullmatch(name)
    base, version = (parts[1], int(parts[2])) if parts else (name, 1)
    while (found := f"{base}_v{(version := version + 1)}") in taken:
        pass
    return found
