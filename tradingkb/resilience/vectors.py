"""The door of a vector index that is a server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from tradingkb.ports import (
    CollectionInfo,
    Floats32,
    Points,
    SnapshotInfo,
    VectorFilter,
    VectorIndex,
    WindowHit,
)
from tradingkb.resilience.guards import Guard


class GuardedVectorIndex:
    """The `VectorIndex` port over another one: each call is guarded.

    Every one may be made again, but those that make what must not be there yet, or twice.
    """

    def __init__(self, index: VectorIndex, guard: Guard) -> None:
        """Stands before an index."""
        self.index = index
        self.exact: bool = getattr(index, "exact", True)
        self.remote: bool = index.remote
        self._guard = guard

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection and its payload indexes if missing; see the port."""
        self._guard.call(lambda: self.index.ensure_collection(name, dimension), bulk=True)

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        return self._guard.call(self.index.collections)

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name."""
        return self._guard.call(lambda: self.index.dimension(name))

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection, moving it in one step."""
        self._guard.call(lambda: self.index.set_alias(alias, name))

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""
        return self._guard.call(lambda: self.index.alias(alias))

    def upsert(self, name: str, points: Points) -> None:
        """Writes points, replacing those of the same id."""
        self._guard.call(lambda: self.index.upsert(name, points), bulk=True)

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points; ids that do not exist are no error."""
        self._guard.call(lambda: self.index.delete(name, ids), bulk=True)

    def count(self, name: str, where: VectorFilter | None = None) -> int:
        """The exact number of points."""
        return self._guard.call(lambda: self.index.count(name, where))

    def points(self, name: str, workspace_id: str) -> pl.DataFrame:
        """`point_id` and the payload columns of a workspace's points."""
        return self._guard.call(lambda: self.index.points(name, workspace_id), bulk=True)

    def nearest_windows(
        self, name: str, vector: Floats32, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        """The `limit` nearest windows, each by its nearest matching point."""
        return self._guard.call(lambda: self.index.nearest_windows(name, vector, where, limit))

    def describe(self, name: str) -> CollectionInfo | None:
        """What there is to know of a collection, None when there is none of that name."""
        return self._guard.call(lambda: self.index.describe(name), bulk=True)

    def drop(self, name: str) -> None:
        """Deletes a collection with its points and aliases; its snapshots stay."""
        self._guard.call(lambda: self.index.drop(name), bulk=True)

    def snapshot(self, name: str) -> SnapshotInfo:
        """Keeps what a collection holds now; all of it or nothing."""
        return self._guard.call(lambda: self.index.snapshot(name), bulk=True, again=_never)

    def snapshots(self, name: str) -> list[SnapshotInfo]:
        """The snapshots of a collection, oldest first."""
        return self._guard.call(lambda: self.index.snapshots(name))

    def drop_snapshot(self, name: str, snapshot: str) -> None:
        """Deletes a snapshot."""
        ask = partial(self.index.drop_snapshot, name, snapshot)
        self._guard.call(ask, bulk=True, again=_never)

    def recover(self, name: str, snapshot: str, into: str) -> SnapshotInfo:
        """Makes a new collection of what a snapshot of `name` holds."""
        ask = partial(self.index.recover, name, snapshot, into)
        return self._guard.call(ask, bulk=True, again=_never)

    def close(self) -> None:
        """Releases connections."""
        self.index.close()


def _never(_: BaseException) -> bool:
    return False
