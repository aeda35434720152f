"""Runbook 03: a workspace moves to another embedding model, or back to the one before.

The new model has a collection of its own, and the old one stays as it is. A model whose neighbours
may be those of chance is refused before anything is embedded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import ConfigurationError, TradingKBError
from tradingkb.indexing import CHANCE
from tradingkb.runbooks.book import command_line
from tradingkb.runbooks.procedures.answers import ask, verify_as_before
from tradingkb.runbooks.procedures.drawing import GREY, ORANGE, axis, layout
from tradingkb.runbooks.procedures.index_state import (
    can_verify,
    index_state,
    indexed,
    known,
    to_embed,
    verify_ready,
    verifying,
)
from tradingkb.runbooks.procedures.model_change import NAME, Rotation, held

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.evaluate import ModelComparison
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks.book import Run

_DIGITS: Final = 4
_COMPARED: Final = ("params", "status", "trials")


def compare(run: Run, rotation: Rotation | None) -> ModelComparison | None:
    """Compares the model in force with the new one, where both answer; nothing is written.

    Neighbours and answers are compared, not results of an evaluation: that replays the past, which
    never asks the index, so that every model is equal to it.
    """
    if rotation is None:
        return None
    if rotation.before.model == rotation.model:
        run.find("it is the model in force: there is nothing to compare", model=rotation.model)
        return None
    try:
        found = run.kb.compare_models(rotation.before.model, rotation.model, run.workspace)
    except TradingKBError as error:
        run.find(
            "the two models could not be compared yet; the plan does it before it embeds",
            "info" if rotation.remote else "warning",
            error=str(error),
        )
        return None
    _judge(run, rotation, found)
    return found


def _judge(run: Run, rotation: Rotation, found: ModelComparison) -> None:
    quality = found.b.quality
    figures = known(**figures_of(found))
    if quality.as_chance and not rotation.back:
        run.find(
            f"{rotation.model} is refused: its neighbours may be those of chance (its loss reaches "
            f"{CHANCE}; 0 is exact search, 1 is chance)",
            "critical",
            **figures,
        )
        run.next("keep the model in force, or choose another one", run.command(NAME, model="MODEL"))
    elif not quality.decided:
        run.find(
            "too few windows, symbols or quarters are stored to judge either model by",
            **figures,
        )
    else:
        run.find(f"{rotation.model} finds better windows than chance does", **figures)


def figures_of(found: ModelComparison) -> dict[str, Any]:
    """What a comparison says, as figures: losses with their 95 % intervals, answers that change."""
    a, b, more = found.a.quality, found.b.quality, found.difference
    changed = {f"other_{name}": found.changed[name] for name in _COMPARED}
    losses = {
        "loss_before": a.loss,
        "loss": b.loss,
        "low": b.low,
        "high": b.high,
        "difference": more.value,
        "difference_low": more.low,
        "difference_high": more.high,
    }
    return {
        **{name: None if loss is None else round(loss, _DIGITS) for name, loss in losses.items()},
        "probes": b.n_probes,
        "windows": b.n_windows,
        "questions": found.n_questions,
        **changed,
    }


def plan(run: Run, rotation: Rotation | None, *, force: bool) -> None:
    """Adds the steps: of the rotation, of embedding anew by the same model, or of the way back."""
    if rotation is None:
        return
    if rotation.back:
        _plan_back(run, rotation)
        return
    kb = run.kb
    if rotation.remote and not rotation.same:
        run.step(
            "pull",
            f"let the Ollama server pull {rotation.model}",
            partial(_pulled, kb, rotation.model),
            expect=known(dimension=rotation.dimension),
            undo="nothing uses it before it is activated; `ollama rm` deletes it",
        )
    if rotation.model != rotation.before.model:
        run.step(
            "compare",
            f"compare {rotation.before.model} with {rotation.model}, which is refused where its "
            "neighbours may be those of chance",
            partial(_acceptable, kb, run.workspace, rotation, force=force),
        )
    there = held(kb, rotation.collection) is not None
    points = to_embed(kb, run.workspace, elsewhere=not rotation.same)
    run.step(
        "reembed",
        f"{'embed' if there else 'create the collection, and embed'} all trials by "
        f"{rotation.model} into {rotation.collection}",
        partial(_reembedded, kb, run.workspace, rotation),
        expect=known(dimension=rotation.dimension, points=points),
        # What was there before this run is not this run's to delete.
        undo=None if there else command_line(["tradingkb", "drop-collection", rotation.collection]),
    )
    if not rotation.same:
        run.step(
            "switch",
            f"let {rotation.before.workspace} search {rotation.collection}: its row of workspaces",
            partial(_switched, kb, run.workspace, rotation, force=force),
            expect={
                "embed_model": rotation.model,
                "collection": rotation.collection,
                "previous_collection": rotation.before.collection,
                "missing": 0,
            },
            undo=_way_back(run, rotation),
        )


def _way_back(run: Run, rotation: Rotation) -> str:
    """Says where to: the last switch that is noted is another one, where this one failed."""
    place = {"model": rotation.before.model, "collection": rotation.before.collection}
    return run.command(NAME, **place, rollback=True, dry_run=False)


def _plan_back(run: Run, rotation: Rotation) -> None:
    kb, before = run.kb, rotation.before
    run.step(
        "switch",
        f"let {before.workspace} search {rotation.collection} ({rotation.model}) again",
        partial(_switched, kb, run.workspace, rotation, force=True),
        expect={"embed_model": rotation.model, "collection": rotation.collection},
        undo=_way_back(run, rotation),
    )
    run.step(
        "index",
        "embed what has come or changed since it was left",
        partial(indexed, kb, run.workspace),
        expect={"error": 0},
    )


def _pulled(kb: KnowledgeBase, model: str) -> dict[str, Any]:
    report = kb.pull_model(model).to_dict()
    return {name: report[name] for name in ("model", "dimension", "was_there", "changed")}


def _acceptable(
    kb: KnowledgeBase, workspace: str, rotation: Rotation, *, force: bool
) -> dict[str, Any]:
    """The figures of the comparison.

    Raises:
        ConfigurationError: the neighbours of the new model may be those of chance, unless `force`.
    """
    try:
        found = kb.compare_models(rotation.before.model, rotation.model, workspace)
    except TradingKBError as error:
        if not force:
            raise
        return {"not_compared": str(error)}  # such as when the old model's server is gone
    if found.b.quality.as_chance and not force:
        raise ConfigurationError(
            f"{rotation.model!r} is not known to find similar markets: {found.b.quality}, which "
            f"reaches {CHANCE}: keep {rotation.before.model!r}, or switch with force"
        )
    return figures_of(found)


def _reembedded(kb: KnowledgeBase, workspace: str, rotation: Rotation) -> dict[str, Any]:
    report = kb.reembed(workspace, rotation.model, rotation.collection).to_dict()
    names = ("dimension", "points", "embedded", "resumed")
    return {name: report[name] for name in names}


def _switched(
    kb: KnowledgeBase, workspace: str, rotation: Rotation, *, force: bool
) -> dict[str, Any]:
    """Activates; what is the environment's choice anyway is left to it."""
    default = kb.use_cases.workspaces.default_target()
    theirs = (default.model, default.collection) == (rotation.model, rotation.collection)
    left_to_it = rotation.back and theirs
    model, collection = (None, None) if left_to_it else (rotation.model, rotation.collection)
    report = kb.activate(model, collection, workspace, force=force).to_dict()
    names = ("embed_model", "collection", "dimension", "points", "missing", "previous_collection")
    return {name: report[name] for name in names}


def verify(
    run: Run, rotation: Rotation | None, before: pl.DataFrame, questions: int
) -> pl.DataFrame:
    """Verifies what is in force, that the old collection is as it was, and the fixed questions.

    Args:
        run: of the runbook.
        rotation: of `look`.
        before: the fixed questions, as `answers.ask` found them.
        questions: how many of them.

    Returns:
        The fixed questions before and after; no rows where there is nothing to verify.
    """
    import polars as pl

    answers = pl.DataFrame()
    if rotation is not None and can_verify(run):
        with verifying(run):
            _verify_in_force(run, rotation)
            answers = verify_as_before(run, before, ask(run, questions))
        if run.failed and not (rotation.same or rotation.back):
            run.next("go back to what was in force before", _way_back(run, rotation))
    return answers


def _verify_in_force(run: Run, rotation: Rotation) -> None:
    verify_ready(run)
    now = index_state(run.kb, run.workspace)
    run.verify(
        f"{now.workspace} searches {rotation.collection} by {rotation.model}",
        (now.model, now.collection, now.fits) == (rotation.model, rotation.collection, True),
        model=now.model,
        collection=now.collection,
        dimension=now.dimension,
    )
    _verify_old(run, rotation)


def _verify_old(run: Run, rotation: Rotation) -> None:
    """The old collection is the way back: nothing may have been done to it."""
    import polars as pl

    old = rotation.before
    if old.held is None or rotation.same:
        return
    found = run.kb.collections().filter(pl.col("collection") == old.collection)
    points = None if found.is_empty() else int(found["points"][0])
    what = f"the old collection {old.collection} is as it was"
    run.verify(what, points == old.points, points=points, before=old.points)


def models_figure(found: ModelComparison | None) -> Any:
    """The losses of both models with their intervals; None without a comparison."""
    if found is None:
        return None
    import plotly.graph_objects as go

    rows = found.models.to_dicts()
    probes, windows = found.b.quality.n_probes, found.b.quality.n_windows
    figure = go.Figure()
    for row in rows:
        loss, low, high = row["loss"], row["low"], row["high"]
        known = None not in (loss, low, high)
        figure.add_scatter(
            x=[loss],
            y=[row["model"]],
            mode="markers",
            marker={"size": 12},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - loss],
                "arrayminus": [loss - low],
            }
            if known
            else None,
            showlegend=False,
        )
    for place, text in ((0.0, "exact search"), (1.0, "chance")):
        figure.add_vline(x=place, line={"dash": "dot", "color": GREY}, annotation_text=text)
    figure.add_vline(
        x=CHANCE,
        line={"dash": "dash", "color": ORANGE},
        annotation_text="refused",
        annotation_y=0.1,
    )
    title = (
        f"How far neighbours are from the nearest (n = {probes} regimes asked of "
        f"{windows} windows; 95 % intervals)"
    )
    figure.update_layout(layout(title, height=320))
    figure.update_xaxes(axis("loss (0 = exact search, 1 = chance)", range=[-0.1, 1.25]))
    figure.update_yaxes(axis("embedding model", range=[-0.7, len(rows) - 0.3]))
    return figure
