"""Switching a workspace to another model and collection, verified; and back again."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tradingkb.admin.report import Report
from tradingkb.exceptions import ConfigurationError
from tradingkb.ingest.lost import lost_trials
from tradingkb.observability.events import emit
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex, Workspace


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
    store: TrialStore,
    vectors: VectorIndex,
    embedders: EmbedderFactory,
    workspace: Workspace,
    *,
    before: tuple[str, str],
    after: tuple[str, str],
    stored: tuple[str | None, str | None],
    force: bool,
) -> ActivationReport:
    """Switches a workspace, after looking whether the collection can answer.

    Args:
        store: the truth.
        vectors: the index.
        embedders: makes the embedder of a model.
        workspace: which one.
        before: model and collection in force.
        after: model and collection that will be.
        stored: what the workspace's row will say; None leaves it to the environment.
        force: switch although trials are missing in the collection.

    Raises:
        ConfigurationError: an unknown model; a collection that does not exist or has another
            dimension; trials that are missing there, unless `force`.
    """
    model, collection = after
    embedder = embedders(model, store.scaler(workspace.id))
    dimension = vectors.dimension(collection)
    if dimension is None:
        raise ConfigurationError(
            f"collection {collection!r} does not exist: re-embed into it first, with "
            f"kb.reembed({workspace.slug!r}, {model!r}, {collection!r})"
        )
    if dimension != embedder.dimension:
        raise ConfigurationError(
            f"collection {collection!r} has dimension {dimension}, {model!r} makes "
            f"{embedder.dimension}: choose another collection, or re-embed into a new one"
        )
    undone = store.unfinished(workspace.id, collection, embedder.pipeline)["trial_id"]
    lost = lost_trials(store, vectors, workspace, collection, dimension)
    missing = pl.concat([undone, lost]).n_unique()
    if missing and not force:
        raise ConfigurationError(
            f"{missing:,} trials are not in collection {collection!r} as they are: re-embed with "
            f"kb.reembed({workspace.slug!r}, {model!r}, {collection!r}), or switch with force=True "
            "and run an ingest"
        )
    store.set_active(workspace.id, *stored)
    emit(
        "kb_workspace_activated",
        workspace_id=workspace.id,
        embed_model=model,
        collection=collection,
        previous_model=before[0],
        previous_collection=before[1],
    )
    return ActivationReport(
        workspace=workspace.slug,
        embed_model=model,
        collection=collection,
        dimension=embedder.dimension,
        previous_model=before[0],
        previous_collection=before[1],
        points=vectors.points(collection, workspace.id).height,
        missing=missing,
    )
