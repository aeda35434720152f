"""Runbook 02: a collection of the vector index is deleted and made again, or recovered.

SQL is the truth, so that nothing can be lost: while the collection is away, answers rest on
metadata and say so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tradingkb.domain import Regime
from tradingkb.exceptions import BackendUnavailableError, TradingKBError
from tradingkb.indexing import next_version
from tradingkb.runbooks.book import command_line
from tradingkb.runbooks.procedures.answers import ask, verify_as_before
from tradingkb.runbooks.procedures.index_state import (
    FAILURES,
    REBUILD,
    RESTART,
    ROTATION,
    IndexState,
    can_verify,
    differences,
    index_state,
    indexed,
    known,
    made,
    state_found,
    to_embed,
    verify_ready,
    verifying,
)
from tradingkb.workspaces import collection_name

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks.book import Run


def look(run: Run) -> IndexState | None:
    """What is in force, and what is wrong with it; None where the vector index is away."""
    state = state_found(run)
    if state is None:
        return None
    if state.dimension is None:
        run.find(
            f"{state.model} does not answer, so that nothing could be embedded again",
            "critical",
            error=state.dimension_error,
        )
        run.next("bring the embedder back first", run.command(FAILURES))
    healer, name = healed_by(run), state.collection
    if state.held is None:
        run.find(f"collection {name} does not exist", "warning", healer, model=state.model)
    elif state.held["foreign"]:
        why = state.held["foreign"]
        run.find(f"collection {name} is another program's: {why}", "critical")
        run.next(
            f"let {state.workspace} search a collection of its own",
            run.command(ROTATION, collection=_own(state.model, name)),
        )
    elif state.fits is False:
        sizes = {"collection": state.held["dimension"], "model": state.dimension}
        run.find(
            f"dimension mismatch: {name} does not hold what the model makes",
            "warning",
            healer,
            **sizes,
        )
    for slug, model, dimension in _misfits(run.kb, state):
        run.find(
            f"{slug} searches {name}, too, and its model {model} makes another dimension: no "
            "collection can be made that both can search",
            "critical",
            dimensions=[state.dimension, dimension],
        )
        run.next(
            f"give {slug} a collection of its own",
            run.command(ROTATION, workspace=slug, collection=_own(model, name)),
        )
    return state


def _misfits(kb: KnowledgeBase, state: IndexState) -> list[tuple[str, str, int]]:
    """Slug, model and dimension of those that search the collection by another dimension."""
    if state.dimension is None:
        return []
    targets = [t for t in kb.use_cases.workspaces.targets(None) if t.collection == state.collection]
    made_by = {t.workspace.slug: (t.model, made(kb, t.model)[0]) for t in targets}
    return [
        (slug, model, dimension)
        for slug, (model, dimension) in sorted(made_by.items())
        if dimension not in (None, state.dimension)
    ]


def _own(model: str, taken: str) -> str:
    own = collection_name(model)
    return own if own != taken else f"{own}_own"


def healed_by(run: Run) -> str:
    """The step that heals what is wrong: the one that fills the collection of this workspace."""
    return f"{'index' if run.parameters['rollback_to'] else 'reindex'}:{_slug(run)}"


def _slug(run: Run) -> str:
    return run.kb.use_cases.workspaces.find(run.workspace).slug


def collections(run: Run, state: IndexState | None) -> pl.DataFrame:
    """The collections of the index; none where it is away."""
    import polars as pl

    return pl.DataFrame() if state is None else run.kb.collections()


def reconciled(run: Run, state: IndexState | None) -> pl.DataFrame:
    """How the collection compares with SQL, per workspace that searches it; notes what differs.

    Returns:
        workspace, collection, expected, held, missing, orphaned, stale, unfinished (trials); no
        rows where nobody can tell.
    """
    import polars as pl

    if state is None:
        return pl.DataFrame()
    try:
        table = _compared(run.kb, state)
    except TradingKBError as error:
        run.find(
            "SQL and the index could not be compared", "warning", healed_by(run), error=str(error)
        )
        return pl.DataFrame()
    n = differences(table)
    if n:
        run.find(f"SQL and {state.collection} differ", "warning", healed_by(run), trials=n)
    else:
        run.find(f"SQL and {state.collection} agree", points=int(table["held"].sum()))
    return table


def _compared(kb: KnowledgeBase, state: IndexState) -> pl.DataFrame:
    import polars as pl

    tables = [kb.reconcile(workspace=space).before for space in state.workspaces]
    ours = pl.col("collection") == state.collection
    return pl.concat(tables).filter(ours).drop("active", "outdated")


def plan(run: Run, state: IndexState | None, *, keep_snapshot: bool, rollback_to: str) -> None:
    """Adds the steps: of a rebuild, or of the way back to a snapshot.

    Args:
        run: of the runbook.
        state: of `look`.
        keep_snapshot: whether a snapshot is taken before anything is deleted.
        rollback_to: name of a snapshot to go back to; "" rebuilds.

    Raises:
        WorkspaceBusyError: another runbook is changing a workspace that searches the collection.
    """
    if state is None or (state.held is not None and state.held["foreign"]):
        return
    if _misfits(run.kb, state):
        return
    run.hold(*state.workspaces)
    if rollback_to:
        _plan_rollback(run, state, rollback_to)
    else:
        _plan_rebuild(run, state, keep_snapshot=keep_snapshot)


def _plan_rebuild(run: Run, state: IndexState, *, keep_snapshot: bool) -> None:
    kb, name = run.kb, state.collection
    run.step(
        "embedder",
        f"let {state.model} embed a market, before anything is deleted",
        partial(_dimension, kb, state),
        expect=known(dimension=state.dimension),
    )
    kept: dict[str, Any] = {}
    if state.held is not None and keep_snapshot:
        run.step(
            "snapshot",
            f"keep what {name} holds now",
            partial(_kept, kb, name, kept),
            expect={"collection": name},
        )
    if state.held is not None:
        back = run.command(REBUILD, rollback_to="{snapshot}", dry_run=False)
        run.step(
            "delete",
            f"delete {name}: answers are metadata_only until it is made again",
            partial(_deleted, kb, name, kept),
            expect={"points": state.points},
            undo=back if keep_snapshot else "nothing was kept: run this again",
        )
    for space in state.workspaces:
        run.step(
            f"reindex:{space}",
            f"create {name} where it is missing, and embed the trials of {space} into it",
            partial(_reindexed, kb, space),
            expect=known(dimension=state.dimension, points=to_embed(kb, space)),
        )


def _dimension(kb: KnowledgeBase, state: IndexState) -> dict[str, Any]:
    """How many numbers the model makes of a market: not what it was known to make before."""
    embedder = kb.use_cases.indexer.embedders(state.model, None)
    found = embedder.embed_query(Regime(features={"volatility_annual": 0.2}), "during")
    return {"dimension": len(found.vector)}


def _kept(kb: KnowledgeBase, collection: str, kept: dict[str, Any]) -> dict[str, Any]:
    """Takes a snapshot, and tells the next step its name."""
    kept.update(kb.snapshot(collection).to_dict())
    return kept


def _deleted(kb: KnowledgeBase, collection: str, kept: dict[str, Any]) -> dict[str, Any]:
    report = kb.drop_collection(collection, force=True).to_dict()
    found = {name: report[name] for name in ("points", "searched_by")}
    return {**found, "snapshot": kept.get("snapshot")}


def _reindexed(kb: KnowledgeBase, workspace: str) -> dict[str, Any]:
    report = kb.reembed(workspace, restart=True).to_dict()
    return {name: report[name] for name in ("dimension", "points", "embedded", "embed_model")}


def _plan_rollback(run: Run, state: IndexState, snapshot: str) -> None:
    import polars as pl

    kb = run.kb
    # A server lists no snapshots of a collection that is gone.
    gone = state.held is None and snapshot.startswith(f"{state.collection}-")
    listed = kb.snapshots().filter(pl.col("snapshot") == snapshot)
    if listed.is_empty() and not gone:
        run.find(f"there is no snapshot {snapshot}", "critical")
        run.next("choose one of those that there are", "tradingkb snapshots")
        return
    into = next_version(state.collection, kb.collections()["collection"].to_list())
    run.step(
        "recover",
        f"make {into} of {snapshot}: nobody searches it yet",
        partial(_recovered, kb, snapshot, into),
        expect=known(points=None if listed.is_empty() else listed["points"][0], fits=True),
        undo=command_line(["tradingkb", "drop-collection", into]),
    )
    activate = ["tradingkb", "activate", "--force"]
    activate += ["--model", state.model, "--collection", state.collection]
    for space in state.workspaces:
        run.step(
            f"activate:{space}",
            f"let {space} search {into}",
            partial(_activated, kb, state.model, into, space),
            expect={"embed_model": state.model, "collection": into},
            undo=command_line([*activate, "--workspace", space]),
        )
        run.step(
            f"index:{space}",
            f"embed what has changed in {space} since the snapshot",
            partial(indexed, kb, space),
            expect={"error": 0},
        )


def _recovered(kb: KnowledgeBase, snapshot: str, into: str) -> dict[str, Any]:
    report = kb.recover(snapshot, into=into).to_dict()
    return {name: report[name] for name in ("into", "points", "current", "dimension", "fits")}


def _activated(kb: KnowledgeBase, model: str, collection: str, workspace: str) -> dict[str, Any]:
    report = kb.activate(model, collection, workspace, force=True).to_dict()
    names = ("embed_model", "collection", "previous_collection", "points", "missing")
    return {name: report[name] for name in names}


def verify(run: Run, before: pl.DataFrame, questions: int, *, rollback_to: str) -> pl.DataFrame:
    """Verifies that it is ready, the collection, and that answers are as before.

    Args:
        run: of the runbook.
        before: the fixed questions, as `answers.ask` found them.
        questions: how many of them.
        rollback_to: as for `plan`.

    Returns:
        The fixed questions before and after; no rows where there is nothing to verify.
    """
    import polars as pl

    answers = pl.DataFrame()
    if can_verify(run):
        with verifying(run):
            _verify_collection(run, rollback_to)
            answers = verify_as_before(run, before, ask(run, questions))
    return answers


def _verify_collection(run: Run, rollback_to: str) -> None:
    now = index_state(run.kb, run.workspace)
    verify_ready(run)
    held = None if now.held is None else now.held["dimension"]
    sizes = {"collection": held, "model": now.dimension}
    run.verify(
        f"{now.collection} has the dimension that {now.model} makes", now.fits is True, **sizes
    )
    table = _compared(run.kb, now)
    n = differences(table)
    points = int(table["held"].sum())
    run.verify(f"SQL and {now.collection} agree", n == 0, points=points, differing=n)
    if rollback_to and not now.environment:
        run.next(
            f"{now.collection} is no choice of the environment: set "
            f"QDRANT_COLLECTION_ACTIVE={now.collection} in .env for what is new, and restart",
            run.command(RESTART),
        )


def offer_rollback(run: Run) -> pl.DataFrame:
    """The snapshots, and the command that goes back to that of this run, once it was carried out.

    A step that failed says itself how it is undone. No rows where the vector index is away.
    """
    import polars as pl

    actions = {action.key: action for action in run.result().actions}
    kept = actions["snapshot"].actual if "snapshot" in actions else None
    if kept and run.carried_out:
        command = run.command(REBUILD, rollback_to=kept["snapshot"], dry_run=False)
        if run.failed:
            run.next("go back to what the collection held before", command)
        else:
            run.find("what the collection held before is kept", way_back=command)
    try:
        return run.kb.snapshots()
    except BackendUnavailableError:
        return pl.DataFrame()
