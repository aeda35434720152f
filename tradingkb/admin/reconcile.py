"""Comparing SQL with the vector index, and repairing what differs on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from tradingkb.admin.compare import Differences, compare
from tradingkb.admin.report import Report
from tradingkb.ingest.lease import hold_lease
from tradingkb.ingest.points import PointRemover
from tradingkb.ingest.reindex import reindex
from tradingkb.observability.events import emit
from tradingkb.ports import (
    Actor,
    Embedder,
    EmbedderFactory,
    TrialStore,
    VectorIndex,
    Workspace,
)

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


class ReconcileJob:
    """Reconciliation against ports."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        *,
        clock: Callable[[], datetime],
        patience_s: float = 600.0,
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.clock = clock
        self.patience_s = patience_s

    def run(
        self,
        spaces: list[Workspace],
        active_of: Callable[[Workspace], tuple[str, str]],
        *,
        repair: bool,
    ) -> Reconciliation:
        """Compares, and repairs on request.

        Args:
            spaces: the workspaces to look at.
            active_of: model and collection in force.
            repair: whether to write.

        Raises:
            BackendUnavailableError: the database or the vector index does not answer.
            WorkspaceBusyError: an ingest did not end in time (repair only).
        """
        before, after = [], []
        for space in spaces:
            model, active = active_of(space)
            names = self._collections(space, active)
            before += [self._row(space, name, name == active, model) for name in names]
            if not repair:
                continue
            with hold_lease(self.store, space, clock=self.clock, patience_s=self.patience_s):
                for name in names:
                    self._repair(space, name, name == active, model)
            after += [self._row(space, name, name == active, model) for name in names]
        found = pl.DataFrame(before, schema=SCHEMA, orient="row")
        if not repair:
            return Reconciliation(found, None)
        return Reconciliation(found, pl.DataFrame(after, schema=SCHEMA, orient="row"))

    def _collections(self, space: Workspace, active: str) -> list[str]:
        """Those where the workspace has entries, the active one, and ours that exist."""
        ours = [name for name in self.vectors.collections() if name.startswith(_PREFIX)]
        return sorted({active, *ours, *self.store.index_collections(space.id)})

    def _row(self, space: Workspace, name: str, active: bool, model: str) -> tuple[Any, ...]:
        d = self._compare(space, name, active, model)
        counts = (d.missing, d.orphaned, d.stale)
        return (
            space.slug,
            name,
            active,
            d.expected,
            d.held,
            *(len(c) for c in counts),
            len(d.unfinished) + d.pending,
        )

    def _compare(self, space: Workspace, name: str, active: bool, model: str) -> Differences:
        embedder = self._embedder(space, model) if active else None
        return compare(self.store, self.vectors, space, name, embedder)

    def _embedder(self, space: Workspace, model: str) -> Embedder:
        return self.embedders(model, self.store.scaler(space.id))

    def _repair(self, space: Workspace, name: str, active: bool, model: str) -> None:
        """SQL is right: entries are finished first, then points without an entry go."""
        found = self._compare(space, name, active, model)
        self._archive_ghosts(space, name)
        PointRemover(self.store, self.vectors).retry(space)
        doubtful = pl.concat([found.missing, found.stale]).unique()
        self.store.mark_unfinished(space.id, doubtful, name)
        if active:
            embedder = self._embedder(space, model)
            # Not what the store thinks is unfinished: that trusts earlier checks.
            todo = pl.concat([doubtful, found.unfinished]).unique().sort()
            reindex(
                self.store,
                self.vectors,
                embedder,
                space,
                name,
                todo,
                clock=self.clock,
                progress=lambda *_: None,
            )
        orphaned = self._compare(space, name, active, model).orphaned
        if len(orphaned):
            self.vectors.delete(name, orphaned.to_list())
        emit(
            "kb_reconcile_repaired",
            workspace_id=space.id,
            collection=name,
            missing=len(found.missing),
            stale=len(found.stale),
            orphaned=len(orphaned),
            unfinished=len(found.unfinished) + found.pending,
        )

    def _archive_ghosts(self, space: Workspace, name: str) -> None:
        """Archives entries of trials that may not be recommended."""
        trials = self.store.identities(space.id)
        entries = self.store.index_rows(space.id, name)
        alive = entries.filter(pl.col("archived_at").is_null()).join(trials, on="trial_id")
        out = alive.filter((pl.col("kb_status") == "rejected") | pl.col("withdrawn"))["trial_id"]
        if len(out):
            actor = Actor("reconcile", "system", "rejected or withdrawn")
            self.store.archive(space.id, out, actor, self.clock())
