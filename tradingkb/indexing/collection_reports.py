"""What was done with collections of the vector index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class SnapshotReport(Report):
    """A snapshot that was taken.

    Attributes:
        snapshot: its name, for `kb.recover()`.
        collection: that it was taken of.
        created_at: aware UTC time; None where the index does not say.
        size_bytes: of the snapshot.
        points: that it holds; None where the index does not say.
    """

    snapshot: str
    collection: str
    created_at: datetime | None
    size_bytes: int
    points: int | None

    def summary(self) -> str:
        """One line."""
        held = "" if self.points is None else f"{self.points:,} points, "
        return f"{self.collection} is kept as {self.snapshot} ({held}{self.size_bytes:,} bytes)"


@dataclass(frozen=True, repr=False)
class RecoveryReport(Report):
    """A collection that was made of a snapshot.

    Attributes:
        snapshot: its name.
        collection: that it was taken of.
        into: the new collection; no workspace searches it yet.
        embed_model: that made its vectors, as far as SQL knows.
        dimension: of its vectors.
        fits: whether that model makes vectors of this dimension; None where none is known.
        points: in the new collection, counted.
        current: entries of trials in it that have not changed since the snapshot.
    """

    snapshot: str
    collection: str
    into: str
    embed_model: str | None
    dimension: int
    fits: bool | None
    points: int
    current: int

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.points:,} points of {self.snapshot} are in {self.into} ({self.dimension} "
            f"dimensions), {self.current:,} of them current"
        )

    def details(self) -> list[str]:
        """How to search it, and what is missing then."""
        model = self.embed_model or "MODEL"
        if self.fits is False:
            return [
                f"{model} makes vectors of another dimension: no workspace can search it by that "
                "model"
            ]
        found = [f"no workspace searches it yet: activate {model} with {self.into}"]
        if self.current < self.points:
            found.append(
                "what has changed since the snapshot is not current: activate with force=True, "
                "then run an ingest"
            )
        return found


@dataclass(frozen=True, repr=False)
class DropReport(Report):
    """A collection that was dropped.

    Attributes:
        collection: its name.
        points: that it held.
        searched_by: slugs of the workspaces that search it, which then find nothing by vectors
            until it is made again.
        snapshots: of it that are left.
    """

    collection: str
    points: int
    searched_by: tuple[str, ...]
    snapshots: int

    def summary(self) -> str:
        """One line."""
        return f"collection {self.collection} is dropped, with {self.points:,} points"

    def details(self) -> list[str]:
        """How it comes back, where it is missed."""
        if not self.searched_by:
            return []
        return [
            f"searched by {', '.join(self.searched_by)}: answers are degraded until an ingest or a "
            "re-embedding has made it again"
        ]


@dataclass(frozen=True, repr=False)
class DroppedSnapshot(Report):
    """A snapshot that was deleted.

    Attributes:
        snapshot: its name.
        collection: that it was taken of.
    """

    snapshot: str
    collection: str

    def summary(self) -> str:
        """One line."""
        return f"snapshot {self.snapshot} of {self.collection} is deleted"
