"""Switching a workspace to another model and collection, verified; and back again."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import ConfigurationError
from tradingkb.indexing.indexer import Indexer
from tradingkb.indexing.lost import lost_trials
from tradingkb.observability import emit
from tradingkb.ports import Embedder, WorkspaceStore
from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class ActivationReport(Report):
    """What a workspace searches now.

    Attributes:
        workspace: slug.
        embed_model, collection, dimension: in force from now on.
        previous_model, previous_collection: what was in force; activating them is the way back.
        points: of the workspace in the collection.
        missing: eligible trials that are not in the collection as they are: the next ingest
            embeds them.
    """

    workspace: str
    embed_model: str
    collection: str
    dimension: int
    previous_model: str
    previous_collection: str
    points: int
    missing: int

    def summary(self) -> str:
        """One line."""
        return (
            f"workspace {self.workspace} searches {self.collection} ({self.embed_model}, "
            f"{self.dimension} dimensions, {self.points:,} points)"
        )

    def details(self) -> list[str]:
        """What is missing, and the way back."""
        missing = f"{self.missing:,} trials are not in it yet: run an ingest"
        back = f"the way back: activate {self.previous_model} with {self.previous_collection}"
        return [missing, back] if self.missing else [back]


def activate(
    store: WorkspaceStore,
    indexer: Indexer,
    before: IndexTarget,
    after: IndexTarget,
    *,
    stored: tuple[str | None, str | None],
    force: bool,
) -> ActivationReport:
    """Switches a workspace, after looking whether the collection can answer.

    Args:
        store: keeps the choice.
        indexer: what the index is changed with.
        before: in force.
        after: what will be.
        stored: model and collection that the workspace's row will say; None leaves either to the
            environment.
        force: switch although trials are missing in the collection.

    Raises:
        ConfigurationError: an unknown model; a collection that does not exist or has another
            dimension; trials that are missing there, unless `force`.
    """
    workspace = after.workspace
    embedder = indexer.embedder(after)
    _check_dimension(after, indexer.vectors.dimension(after.collection), embedder.dimension)
    missing = _missing(indexer, after, embedder)
    if missing and not force:
        raise ConfigurationError(
            f"{missing:,} trials are not in collection {after.collection!r} as they are: re-embed "
            f"with {_reembedding(after)}, or switch with force=True and run an ingest"
        )
    store.set_active(workspace.id, *stored)
    emit(
        "kb_workspace_activated",
        workspace_id=workspace.id,
        embed_model=after.model,
        collection=after.collection,
        previous_model=before.model,
        previous_collection=before.collection,
    )
    return ActivationReport(
        workspace=workspace.slug,
        embed_model=after.model,
        collection=after.collection,
        dimension=embedder.dimension,
        previous_model=before.model,
        previous_collection=before.collection,
        points=indexer.vectors.points(after.collection, workspace.id).height,
        missing=missing,
    )


def _check_dimension(target: IndexTarget, found: int | None, made: int) -> None:
    name = target.collection
    if found is None:
        raise ConfigurationError(
            f"collection {name!r} does not exist: re-embed into it first, with "
            f"{_reembedding(target)}"
        )
    if found != made:
        raise ConfigurationError(
            f"collection {name!r} has dimension {found}, {target.model!r} makes {made}: choose "
            "another collection, or re-embed into a new one"
        )


def _missing(indexer: Indexer, target: IndexTarget, embedder: Embedder) -> int:
    """Eligible trials that are not in the collection as they are."""
    store, workspace_id = indexer.store, target.workspace.id
    undone = store.unfinished(workspace_id, target.collection, embedder.pipeline)["trial_id"]
    lost = lost_trials(store, indexer.vectors, target, embedder.dimension)
    return pl.concat([undone, lost]).n_unique()


def _reembedding(target: IndexTarget) -> str:
    return f"kb.reembed({target.workspace.slug!r}, {target.model!r}, {target.collection!r})"
