"""What a workspace searches, whether it can be searched, and how it compares with SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError, TradingKBError

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks.book import Run

#: Runbooks that others lead to.
REBUILD: Final = "02_qdrant_collection_rebuild"
ROTATION: Final = "03_embedding_model_rotation"
RESTART: Final = "07_service_restart"
FAILURES: Final = "08_failure_modes_recovery"
#: What a reconciliation counts as differences.
FAULTS: Final = ("missing", "orphaned", "stale", "unfinished")


@dataclass(frozen=True)
class IndexState:
    """The index in force of one workspace.

    Attributes:
        workspace: slug.
        model, collection: in force.
        dimension: that the model makes; None where it does not say.
        dimension_error: why not.
        held: the collection's row of `kb.collections()`; None where it is not there.
        workspaces: slugs of the workspaces that search the collection.
        environment: whether it is the environment's choice, too.
    """

    workspace: str
    model: str
    collection: str
    dimension: int | None
    dimension_error: str | None
    held: dict[str, Any] | None
    workspaces: tuple[str, ...]
    environment: bool

    @property
    def points(self) -> int:
        """Points that the collection holds, of all workspaces."""
        return 0 if self.held is None else int(self.held["points"])

    @property
    def fits(self) -> bool | None:
        """Whether the collection has the dimension that the model makes; None where unknown."""
        if self.held is None or self.dimension is None:
            return None
        return bool(self.held["dimension"] == self.dimension)


def index_state(kb: KnowledgeBase, workspace: str) -> IndexState:
    """Reads the index in force of a workspace, slug or id.

    Raises:
        BackendUnavailableError: the database or the vector index does not answer.
    """
    import polars as pl

    target = kb.use_cases.workspaces.named(workspace)
    dimension, error = made(kb, target.model)
    rows = kb.collections().filter(pl.col("collection") == target.collection).to_dicts()
    spaces = kb.workspaces().filter(pl.col("collection") == target.collection)["slug"]
    default = kb.use_cases.workspaces.default_target()
    return IndexState(
        target.workspace.slug,
        target.model,
        target.collection,
        dimension,
        error,
        rows[0] if rows else None,
        tuple(sorted({*spaces, target.workspace.slug})),
        default.collection == target.collection,
    )


def state_found(run: Run) -> IndexState | None:
    """The index in force; None, noted with what to do first, where the vector index is away."""
    try:
        return index_state(run.kb, run.workspace)
    except BackendUnavailableError as error:
        index_away(run, error)
        return None


def index_away(run: Run, error: BackendUnavailableError, who: str = "the vector index") -> None:
    """Notes that nothing can be done yet, and what to do first."""
    run.find(f"{who} does not answer", "critical", error=str(error))
    run.next(f"bring {who} back first", run.command(FAILURES))


def made(kb: KnowledgeBase, model: str) -> tuple[int | None, str | None]:
    """How many numbers a model makes, or why it does not say."""
    try:
        return kb.use_cases.indexer.embedders(model, None).dimension, None
    except TradingKBError as error:
        return None, str(error)


def checks(run: Run, healed_by: str | None = None) -> pl.DataFrame:
    """What `/ready` checks: check, ok, detail; each one that fails is a finding."""
    import polars as pl

    found = run.kb.ready().checks
    for name, check in found.items():
        if not check.ok:
            run.find(f"{name} is not ready: {check.detail}", "warning", healed_by, check=name)
    rows = [(name, check.ok, check.detail) for name, check in found.items()]
    schema = {"check": pl.String, "ok": pl.Boolean, "detail": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def verify_ready(run: Run) -> None:
    """Verifies that the knowledge base is ready."""
    found = run.kb.ready()
    failing = {name: check.detail for name, check in found.checks.items() if not check.ok}
    told = {"not_ready": failing} if failing else {}
    run.verify("database, vector index and embedder are ready", found.ready, **told)


@contextmanager
def verifying(run: Run) -> Iterator[None]:
    """What is verified in here has failed where a backend does not answer; the run goes on.

    So that its result, and the way back, are told whatever happens.
    """
    try:
        yield
    except TradingKBError as error:
        run.verify("what was done can be verified", ok=False, error=str(error))
        run.next("bring back what does not answer, and look again", run.command(FAILURES))


def can_verify(run: Run) -> bool:
    """Whether something was done that can be verified; where not, it is said why."""
    done = [action.state for action in run.result().actions]
    if run.dry_run or not done:
        run.find("nothing was changed, so that there is nothing to verify")
    elif run.failed:
        run.find("the plan was not carried out whole: what it should lead to is not verified")
    return bool(done) and not run.dry_run and not run.failed


def differences(table: pl.DataFrame) -> int:
    """How many entries differ, of a reconciliation's table."""
    return int(table.select(FAULTS).sum().sum_horizontal().sum())


def to_embed(kb: KnowledgeBase, workspace: str, *, elsewhere: bool = False) -> int | None:
    """Points that a re-embedding of the workspace leads to; None where nobody can tell.

    Args:
        kb: knows the trials.
        workspace: slug or id.
        elsewhere: into another collection than that in force, in which nothing is archived; in
            this one what is archived stays so until an ingest.
    """
    try:
        report = kb.ingest(workspace=workspace, dry_run=True)
    except TradingKBError:
        return None
    eligible = report.inserted + report.updated + report.skipped - report.not_embedded
    return eligible + report.unarchived if elsewhere else eligible


def known(**figures: Any) -> dict[str, Any]:
    """The figures that are known: what a plan expects."""
    return {name: value for name, value in figures.items() if value is not None}


def indexed(kb: KnowledgeBase, workspace: str) -> dict[str, int]:
    """Indexes what is stored; trials by what happened to their entry."""
    return kb.ingest(workspace=workspace).counts()
