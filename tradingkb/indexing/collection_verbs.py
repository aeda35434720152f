"""The verbs of `KnowledgeBase` about collections: collections, snapshot, recover, drop.

Each verb is its docstring and a delegation.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import polars as pl

from tradingkb.indexing.collection_reports import (
    DroppedSnapshot,
    DropReport,
    RecoveryReport,
    SnapshotReport,
)
from tradingkb.indexing.collections import CollectionKeeper, Spaces
from tradingkb.indexing.indexer import Indexer
from tradingkb.indexing.taking_over import KeptStore
from tradingkb.ports import Again
from tradingkb.verbs import only_reads, takes_long


class _Store(KeptStore, Protocol):
    def unhurried(self) -> AbstractContextManager[None]: ...


class _Notes(Protocol):
    def dropped(self, report: Any) -> None: ...
    def recovered(self, report: Any) -> None: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> Spaces: ...
    @property
    def indexer(self) -> Indexer: ...
    @property
    def notes(self) -> _Notes: ...
    @property
    def again(self) -> Again: ...


class Collections:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @only_reads
    def collections(self) -> pl.DataFrame:
        """The collections of the vector index, by name, also those of other programs.

        Columns: collection, model (that made its vectors, as far as known), dimension, points
        (counted), state, shards, replicas (of each shard), payload_indexes, aliases, active_for
        (slugs of the workspaces that search it, and "(environment)" where that is its choice),
        foreign (why it is another program's; null where it is ours).

        Raises:
            BackendUnavailableError: the vector index does not answer.
        """
        return _keeper(self.use_cases).table()

    @takes_long
    def snapshot(self, collection: str | None = None) -> SnapshotReport:
        """Keeps what a collection holds now, all of it or nothing; it stays when that is dropped.

        Args:
            collection: its name; default the one that the workspaces search.

        Raises:
            EmptyCollectionError: no such collection.
            ConfigurationError: it is another program's; or the index has no snapshots, or holds a
                part of the collection only.
            BackendUnavailableError: the vector index does not answer.
        """
        return _keeper(self.use_cases).snapshot(collection)

    @only_reads
    def snapshots(self, collection: str | None = None) -> pl.DataFrame:
        """Snapshots: snapshot (its name), collection, created_at (UTC), size_bytes, points.

        Points are null where the index does not say. A Qdrant server shows no snapshots of a
        collection that was dropped, and `recover` takes their names all the same.

        Args:
            collection: of this one only.
        """
        return _keeper(self.use_cases).snapshots(collection)

    @takes_long
    def recover(
        self, snapshot: str, collection: str | None = None, into: str | None = None
    ) -> RecoveryReport:
        """Makes a new collection of a snapshot; no workspace searches it before `activate`.

        Points and dimension are counted afterwards. Trials that have not changed since the
        snapshot are current there at once, the others after an ingest of the workspace that was
        switched to it.

        Args:
            snapshot: its name; `kb.snapshots()` lists them.
            collection: that it was taken of; default the one that has it.
            into: the new collection; default the old name with the next free version.

        Raises:
            NotFoundError: there is no such snapshot, with near names.
            InvalidInputError: `into` is no name of a collection.
            ConfigurationError: `into` exists; the server cannot read its snapshots, or has none.
            BackendUnavailableError: the answer was lost; `kb.collections()` says what is there.
        """
        report = _keeper(self.use_cases).recover(snapshot, collection, into)
        self.use_cases.notes.recovered(report)
        return report

    @takes_long
    def drop_collection(self, name: str, force: bool = False) -> DropReport:
        """Drops a collection with its points and aliases; its snapshots stay.

        Args:
            name: of the collection.
            force: drop it although a workspace, or the environment, searches it: its answers are
                degraded until an ingest or a re-embedding has made it again.

        Raises:
            NotFoundError: there is no such collection, with near names.
            ConfigurationError: it is searched, unless `force`; or it is another program's.
        """
        report = _keeper(self.use_cases).drop(name, force=force)
        self.use_cases.notes.dropped(report)
        return report

    @takes_long
    def drop_snapshot(self, snapshot: str, collection: str | None = None) -> DroppedSnapshot:
        """Deletes a snapshot.

        Args:
            snapshot: its name.
            collection: that it was taken of; default the one that has it.

        Raises:
            NotFoundError: there is no such snapshot, with near names.
            EmptyCollectionError: its collection is gone, and with it a Qdrant server's list.
        """
        return _keeper(self.use_cases).drop_snapshot(snapshot, collection)


def _keeper(uses: _UseCases) -> CollectionKeeper:
    return CollectionKeeper(uses.store, uses.indexer, uses.workspaces)
