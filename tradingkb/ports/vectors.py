"""The port of vector indexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class VectorFilter:
    """Conditions on points. None means no condition; all given ones must hold.

    A number that a point does not have fails its condition, unless `unknown_passes`; an unknown
    overfit gap always passes, since it is `require_oos` that asks for both samples.
    """

    workspace_id: str
    strategy_name: str
    require_oos: bool = False
    max_drawdown: float | None = None
    min_trades: int | None = None
    max_overfit_gap: float | None = None
    unknown_passes: bool = False


#: The payload columns of a point, one Polars column each.
PAYLOAD = (
    "workspace_id",
    "strategy_name",
    "window_key",
    "has_oos",
    "max_drawdown",
    "n_trades",
    "overfit_gap",
)


@dataclass(frozen=True)
class Points:
    """A batch of points.

    Attributes:
        ids: UUID texts, length n.
        vectors: unit vectors, float32, shape (n, dimension).
        payload: n rows with the columns `PAYLOAD` (null where unknown).
    """

    ids: Sequence[str]
    vectors: Floats32
    payload: pl.DataFrame


@dataclass(frozen=True)
class WindowHit:
    """The best point of one window: its id and cosine similarity in [-1, 1]."""

    window_key: str
    point_id: str
    similarity: float


@dataclass(frozen=True)
class CollectionInfo:
    """What an index says of a collection.

    Attributes:
        name: of the collection.
        dimension: of its vectors; None where it holds other things than one vector per point.
        points: how many, exactly.
        payload_indexes: fields of the payload that are indexed, by name.
        state: "green"; of a server also "yellow" (it optimises), "grey" (it could) or "red".
        shards: into which it is divided.
        replicas: of each shard.
        aliases: that point at it, by name.
        foreign: why it belongs to another program; None where it is ours.
    """

    name: str
    dimension: int | None
    points: int
    payload_indexes: tuple[str, ...] = ()
    state: str = "green"
    shards: int = 1
    replicas: int = 1
    aliases: tuple[str, ...] = ()
    foreign: str | None = None


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot of a collection.

    Attributes:
        name: of the snapshot.
        collection: that it was taken of.
        created_at: aware UTC time; None where the index does not say.
        size_bytes: of the snapshot.
        points: that it holds; None where the index does not say.
    """

    name: str
    collection: str
    created_at: datetime | None
    size_bytes: int
    points: int | None = None


@runtime_checkable
class VectorIndex(Protocol):
    """Points in named collections.

    Guarantees: an upsert or delete has happened when the call returns, for every later search
    of any process; upserting the same point twice leaves one; searches are exact or say so by
    `exact`; results are ordered by similarity, then window key, so that equal similarities come
    in the same order from every adapter; a missing collection raises EmptyCollectionError; a
    backend that does not answer raises BackendUnavailableError.
    """

    #: Whether it is a server of its own, which may be down while the database answers.
    remote: bool

    def ensure_collection(self, name: str, dimension: int) -> None:
        """Creates the collection and its payload indexes if missing.

        Raises:
            ConfigurationError: it exists with another dimension.
        """

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""

    def dimension(self, name: str) -> int | None:
        """The dimension of a collection, None when there is none of that name."""

    def set_alias(self, alias: str, name: str) -> None:
        """Points an alias at a collection, moving it in one step."""

    def alias(self, alias: str) -> str | None:
        """The collection behind an alias."""

    def upsert(self, name: str, points: Points) -> None:
        """Writes points, replacing those of the same id."""

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Deletes points; ids that do not exist are no error."""

    def count(self, name: str, where: VectorFilter | None = None) -> int:
        """The exact number of points."""

    def points(self, name: str, workspace_id: str) -> pl.DataFrame:
        """`point_id` and the payload columns of a workspace's points, in no particular order."""

    def nearest_windows(
        self, name: str, vector: Floats32, where: VectorFilter, limit: int
    ) -> list[WindowHit]:
        """The `limit` nearest windows, each by its nearest matching point."""

    def describe(self, name: str) -> CollectionInfo | None:
        """What there is to know of a collection, None when there is none of that name."""

    def drop(self, name: str) -> None:
        """Deletes a collection with its points and aliases; its snapshots stay.

        One that does not exist is no error.

        Raises:
            ConfigurationError: it belongs to another program.
        """

    def snapshot(self, name: str) -> SnapshotInfo:
        """Keeps what a collection holds now; all of it or nothing.

        Raises:
            ConfigurationError: the index has no snapshots, or would keep a part only.
        """

    def snapshots(self, name: str) -> list[SnapshotInfo]:
        """The snapshots of a collection, oldest first.

        Of one that does not exist an index may see none, and yet recover them by their names.
        """

    def drop_snapshot(self, name: str, snapshot: str) -> None:
        """Deletes a snapshot.

        Raises:
            NotFoundError: the collection has no such snapshot.
        """

    def recover(self, name: str, snapshot: str, into: str) -> SnapshotInfo:
        """Makes a new collection of what a snapshot of `name` holds; aliases stay as they are.

        `name` need not exist any more. When the answer is lost, the new collection may be there.
        Returns what is known of the snapshot.

        Raises:
            NotFoundError: the collection has no such snapshot.
            ConfigurationError: `into` exists, or the index has no snapshots.
        """

    def close(self) -> None:
        """Releases connections."""
