"""Switching a workspace to another model and collection, verified; and back again."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import ConfigurationError
from tradingkb.indexing.indexer import Indexer
from tradingkb.indexing.lost import lost_trials
from tradingkb.indexing.neighbours import CHANCE, NeighbourQuality
from tradingkb.indexing.probes import neighbour_quality, read_sample
from tradingkb.observability import emit
from tradingkb.ports import Embedder, WorkspaceStore
from tradingkb.progress import Progress
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
        quality: how good the neighbours are that it finds; undecided where too few windows are
            stored to judge it by.
    """

    workspace: str
    embed_model: str
    collection: str
    dimension: int
    previous_model: str
    previous_collection: str
    points: int
    missing: int
    quality: NeighbourQuality

    def summary(self) -> str:
        """One line."""
        return (
            f"workspace {self.workspace} searches {self.collection} ({self.embed_model}, "
            f"{self.dimension} dimensions, {self.points:,} points)"
        )

    def details(self) -> list[str]:
        """What is missing, how good its neighbours are, and the way back."""
        missing = f"{self.missing:,} trials are not in it yet: run an ingest"
        chance = "; hardly better than chance" if self.quality.as_chance else ""
        back = f"the way back: activate {self.previous_model} with {self.previous_collection}"
        return [*([missing] if self.missing else []), f"{self.quality}{chance}", back]


def activate(
    store: WorkspaceStore,
    indexer: Indexer,
    before: IndexTarget,
    after: IndexTarget,
    *,
    stored: tuple[str | None, str | None],
    force: bool,
    progress: Progress = lambda *_: None,
) -> ActivationReport:
    """Switches a workspace, after looking whether the collection can answer, and how well.

    Args:
        store: keeps the choice.
        indexer: what the index is changed with.
        before: in force.
        after: what will be.
        stored: model and collection that the workspace's row will say; None leaves either to the
            environment.
        force: switch although trials are missing in the collection, or the model's neighbours may
            be as good as chance.
        progress: told as they are measured.

    Raises:
        ConfigurationError: an unknown model; a collection that does not exist or has another
            dimension; trials that are missing there, or neighbours that may be those of chance,
            unless `force`.
        BackendUnavailableError: the model's server does not answer.
    """
    workspace = after.workspace
    embedder = indexer.embedder(after)
    _check_dimension(after, indexer.vectors.dimension(after.collection), embedder.dimension)
    missing = _missing(indexer, after, embedder)
    quality = neighbour_quality(embedder, read_sample(indexer.store, workspace.id), progress)
    problems = [*_lacking(after, missing), *_chance(before, after, quality)]
    if problems and not force:
        raise ConfigurationError("; ".join(problems))
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
        quality=quality,
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


def _lacking(target: IndexTarget, missing: int) -> list[str]:
    """What is wrong with the collection: it lacks trials."""
    remedy = f"{_reembedding(target)}, or switch with force=True and run an ingest"
    what = f"{missing:,} trials are not in collection {target.collection!r} as they are"
    return [f"{what}: re-embed with {remedy}"] if missing else []


def _chance(before: IndexTarget, after: IndexTarget, quality: NeighbourQuality) -> list[str]:
    """What is wrong with the model: what it finds may be what chance finds."""
    remedy = f"keep {before.model!r}, or switch with force=True"
    if before.model == after.model:
        remedy = "choose another model, or switch with force=True"
    what = (
        f"{after.model!r} is not known to find similar markets: {quality}, which reaches {CHANCE}"
    )
    return [f"{what}: {remedy}"] if quality.as_chance else []


def _reembedding(target: IndexTarget) -> str:
    return f"kb.reembed({target.workspace.slug!r}, {target.model!r}, {target.collection!r})"
