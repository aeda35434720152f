"""Comparing SQL with the vector index, and repairing what differs on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import Actor, IndexTarget
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.indexing.apply import IndexedStore
from tradingkb.indexing.compare import Differences, compare
from tradingkb.indexing.indexer import Indexer
from tradingkb.jobs import Leases
from tradingkb.observability import emit
from tradingkb.ports import StatusStore
from tradingkb.reports import Report

_PREFIX: Final = "kb_"
SCHEMA: Final = {
    "workspace": pl.String,
    "collection": pl.String,
    "active": pl.Boolean,
    "expected": pl.Int64,
    "held": pl.Int64,
    "missing": pl.Int64,
    "orphaned": pl.Int64,
    "stale": pl.Int64,
    "unfinished": pl.Int64,
    "outdated": pl.Int64,
}
_HELD: Final = list(SCHEMA).index("held")
_FAULTS: Final = ("missing", "orphaned", "stale", "unfinished")


@dataclass(frozen=True, repr=False)
class Reconciliation(Report):
    """How SQL and the vector index compare.

    Attributes:
        before: one row per workspace and collection: workspace, collection, active, expected and
            held points, and how many are missing (SQL says that they are there), orphaned (no
            standing entry names them), stale (another content hash or payload than the trial has
            now) or unfinished (an eligible trial without a current entry, or an archived entry
            whose point is not known to be gone). Outdated ones are no difference: an earlier
            release made them of what their trials still are, and the next ingest, or a repair,
            embeds them again.
        after: the same after a repair; None when none was asked for.
    """

    before: pl.DataFrame
    after: pl.DataFrame | None

    @property
    def clean(self) -> bool:
        """Whether nothing differs (any more)."""
        table = self.before if self.after is None else self.after
        return not table.select(pl.sum(*_FAULTS)).sum_horizontal().sum()

    def summary(self) -> str:
        """One line."""
        table = self.before if self.after is None else self.after
        if self.clean:
            done = "" if self.after is None else ": repaired" if self._faults(self.before) else ""
            return f"SQL and the vector index agree{done}{_waiting(table)}"
        places = self._faults(table)
        return f"SQL and the vector index differ in {places:,} place{'s' if places > 1 else ''}"

    def details(self) -> list[str]:
        """One line per workspace and collection; the counts before a repair in brackets."""
        table = self.before if self.after is None else self.after
        was = self.before.rows(named=True)
        return [
            f"{row['workspace']} / {row['collection']}{' (active)' if row['active'] else ''}: "
            + ", ".join(
                _count(name, row, old, self.after is not None)
                for name in SCHEMA
                if SCHEMA[name] == pl.Int64 and (name != "outdated" or row[name] or old[name])
            )
            for row, old in zip(table.rows(named=True), was, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {"clean": self.clean, **super().to_dict()}

    @staticmethod
    def _faults(table: pl.DataFrame) -> int:
        return int(table.select(pl.sum_horizontal(_FAULTS)).to_series().sum())


def _waiting(table: pl.DataFrame) -> str:
    """What the next ingest will do anyway."""
    n = int(table["outdated"].sum())
    return f"; an earlier release embedded {n:,} trials: the next ingest does it anew" if n else ""


def _count(name: str, row: dict[str, Any], old: dict[str, Any], repaired: bool) -> str:
    was = f" (before: {old[name]:,})" if repaired and old[name] != row[name] else ""
    return f"{row[name]:,} {name}{was}"


@dataclass(frozen=True, eq=False)
class Place:
    """A collection, as one workspace sees it.

    Attributes:
        target: the workspace and the collection.
        active: whether the workspace searches it.
        known: whether SQL says that something of the workspace should be there.
    """

    target: IndexTarget
    active: bool
    known: bool

    @property
    def named(self) -> tuple[str, str, bool]:
        """How a row begins."""
        return (self.target.workspace.slug, self.target.collection, self.active)


def _nothing(place: Place) -> tuple[Any, ...]:
    """The row of a place where nothing is, and nothing should be."""
    return (*place.named, *[0] * (len(SCHEMA) - len(place.named)))


class ReconciledStore(IndexedStore, StatusStore, Protocol):
    """What a reconciliation needs of a store."""


class Reconciler:
    """Compares SQL with the vector index, and repairs."""

    def __init__(self, store: ReconciledStore, indexer: Indexer, leases: Leases) -> None:
        self._store = store
        self._indexer = indexer
        self._vectors = indexer.vectors
        self._leases = leases

    def run(self, targets: Sequence[IndexTarget], *, repair: bool) -> Reconciliation:
        """Compares, and repairs on request.

        Args:
            targets: the workspaces to look at, with the index in force.
            repair: whether to write.

        Raises:
            BackendUnavailableError: the database or the vector index does not answer.
            WorkspaceBusyError: an ingest did not end in time (repair only).
        """
        places = self._places(targets)
        looked_at = self._look(places)
        before = [looked_at.get(place, _nothing(place)) for place in places]
        found = pl.DataFrame(before, schema=SCHEMA, orient="row")
        if not repair:
            return Reconciliation(found, None)
        at_fault = [place for place, row in looked_at.items() if any(row[_HELD + 1 :])]
        after = {**looked_at, **self._repaired(at_fault)}
        rows = [after.get(place, _nothing(place)) for place in places]
        return Reconciliation(found, pl.DataFrame(rows, schema=SCHEMA, orient="row"))

    def _places(self, targets: Sequence[IndexTarget]) -> list[Place]:
        """The collections with entries of each workspace, its active one, and ours that exist."""
        ours = {name for name in self._vectors.collections() if name.startswith(_PREFIX)}
        entries, populated = self._known(targets)
        places = []
        for active in targets:
            mine = {name for space, name in entries if space == active.workspace.id}
            for name in sorted({active.collection, *ours, *mine}):
                is_active = name == active.collection
                known = name in mine or (is_active and active.workspace.id in populated)
                places.append(Place(replace(active, collection=name), is_active, known))
        return places

    def _known(self, targets: Sequence[IndexTarget]) -> tuple[set[tuple[str, str]], set[str]]:
        """Where SQL has entries, by workspace and collection; workspaces that may have trials."""
        if len(targets) != 1:
            return self._store.index_places(), self._store.populated()
        mine = targets[0].workspace.id
        return {(mine, name) for name in self._store.index_collections(mine)}, {mine}

    def _look(self, places: Sequence[Place]) -> dict[Place, tuple[Any, ...]]:
        """Rows of the places where something is; the others need no look.

        Where SQL knows of nothing there may still be points. As many as a collection has were
        found in the places that SQL knows: then there are no others.
        """
        found = {place: self._row(place) for place in places if place.known}
        held: Counter[str] = Counter()
        for place, row in found.items():
            held[place.target.collection] += row[_HELD]
        unknown = [place for place in places if not place.known]
        strange = {
            name
            for name in {place.target.collection for place in unknown}
            if self._count(name) != held[name]
        }
        for place in unknown:
            if place.target.collection in strange:
                found[place] = self._row(place)
        return {place: found[place] for place in places if place in found}

    def _repaired(self, places: Iterable[Place]) -> dict[Place, tuple[Any, ...]]:
        """Repairs each of these places, and looks again: rows as they are then."""
        after = {}
        for _, group in groupby(places, lambda place: place.target.workspace.id):
            mine = list(group)
            with self._leases.hold(mine[0].target.workspace):
                for place in mine:
                    self._repair(place.target, active=place.active)
            after.update({place: self._row(place) for place in mine})
        return after

    def _count(self, collection: str) -> int:
        try:
            return self._vectors.count(collection)
        except EmptyCollectionError:
            return 0

    def _row(self, place: Place) -> tuple[Any, ...]:
        d = self._compare(place.target, place.active)
        counts = (d.missing, d.orphaned, d.stale)
        unfinished = len(d.unfinished) + d.pending
        numbers = (d.expected, d.held, *(len(c) for c in counts), unfinished, len(d.outdated))
        return (*place.named, *numbers)

    def _compare(self, target: IndexTarget, active: bool) -> Differences:
        embedder = self._indexer.embedder(target) if active else None
        return compare(self._store, self._vectors, target, embedder)

    def _repair(self, target: IndexTarget, *, active: bool) -> None:
        """SQL is right: entries are finished first, then points without an entry go."""
        workspace_id, name = target.workspace.id, target.collection
        found = self._compare(target, active)
        self._archive_ghosts(target)
        self._indexer.remover.retry(workspace_id)
        doubtful = pl.concat([found.missing, found.stale, found.outdated]).unique()
        self._store.mark_unfinished(workspace_id, doubtful, name)
        if active:
            # Not what the store thinks is unfinished: that trusts earlier checks.
            todo = pl.concat([doubtful, found.unfinished]).unique().sort()
            self._indexer.reindex(target, todo)
        orphaned = self._compare(target, active).orphaned
        if len(orphaned):
            self._vectors.delete(name, orphaned.to_list())
        emit(
            "kb_reconcile_repaired",
            workspace_id=workspace_id,
            collection=name,
            missing=len(found.missing),
            stale=len(found.stale),
            outdated=len(found.outdated),
            orphaned=len(orphaned),
            unfinished=len(found.unfinished) + found.pending,
        )

    def _archive_ghosts(self, target: IndexTarget) -> None:
        """Archives entries of trials that may not be recommended."""
        workspace_id = target.workspace.id
        trials = self._store.identities(workspace_id)
        entries = self._store.index_rows(workspace_id, target.collection)
        alive = entries.filter(pl.col("archived_at").is_null()).join(trials, on="trial_id")
        out = alive.filter((pl.col("kb_status") == "rejected") | pl.col("withdrawn"))["trial_id"]
        if len(out):
            actor = Actor("reconcile", "system", "rejected or withdrawn")
            self._store.archive(workspace_id, out, actor, self._indexer.clock())
