"""Comparing SQL with the vector index, and repairing what differs on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.domain import Actor, IndexTarget
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
}
_FAULTS: Final = ("missing", "orphaned", "stale", "unfinished")


@dataclass(frozen=True, repr=False)
class Reconciliation(Report):
    """How SQL and the vector index compare.

    Attributes:
        before: one row per workspace and collection: workspace, collection, active, expected and
            held points, and how many are missing (SQL says that they are there), orphaned (no
            standing entry names them), stale (another content hash or payload than the trial has
            now) or unfinished (an eligible trial without a current entry, or an archived entry
            whose point is not known to be gone).
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
        if self.clean:
            done = "" if self.after is None else ": repaired" if self._faults(self.before) else ""
            return f"SQL and the vector index agree{done}"
        table = self.before if self.after is None else self.after
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
                if SCHEMA[name] == pl.Int64
            )
            for row, old in zip(table.rows(named=True), was, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {"clean": self.clean, **super().to_dict()}

    @staticmethod
    def _faults(table: pl.DataFrame) -> int:
        return int(table.select(pl.sum_horizontal(_FAULTS)).to_series().sum())


def _count(name: str, row: dict[str, Any], old: dict[str, Any], repaired: bool) -> str:
    was = f" (before: {old[name]:,})" if repaired and old[name] != row[name] else ""
    return f"{row[name]:,} {name}{was}"


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
        before, after = [], []
        for active in targets:
            everywhere = self._everywhere(active)
            before += [self._row(target, target == active) for target in everywhere]
            if not repair:
                continue
            with self._leases.hold(active.workspace):
                for target in everywhere:
                    self._repair(target, active=target == active)
            after += [self._row(target, target == active) for target in everywhere]
        found = pl.DataFrame(before, schema=SCHEMA, orient="row")
        if not repair:
            return Reconciliation(found, None)
        return Reconciliation(found, pl.DataFrame(after, schema=SCHEMA, orient="row"))

    def _everywhere(self, active: IndexTarget) -> list[IndexTarget]:
        """The collections with entries of the workspace, the active one, and ours that exist."""
        ours = [name for name in self._vectors.collections() if name.startswith(_PREFIX)]
        entries = self._store.index_collections(active.workspace.id)
        names = sorted({active.collection, *ours, *entries})
        return [replace(active, collection=name) for name in names]

    def _row(self, target: IndexTarget, active: bool) -> tuple[Any, ...]:
        d = self._compare(target, active)
        counts = (d.missing, d.orphaned, d.stale)
        return (
            target.workspace.slug,
            target.collection,
            active,
            d.expected,
            d.held,
            *(len(c) for c in counts),
            len(d.unfinished) + d.pending,
        )

    def _compare(self, target: IndexTarget, active: bool) -> Differences:
        embedder = self._indexer.embedder(target) if active else None
        return compare(self._store, self._vectors, target, embedder)

    def _repair(self, target: IndexTarget, *, active: bool) -> None:
        """SQL is right: entries are finished first, then points without an entry go."""
        workspace_id, name = target.workspace.id, target.collection
        found = self._compare(target, active)
        self._archive_ghosts(target)
        self._indexer.remover.retry(workspace_id)
        doubtful = pl.concat([found.missing, found.stale]).unique()
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
