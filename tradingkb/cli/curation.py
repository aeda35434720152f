"""Commands about what counts: promoting, rejecting, archiving, withdrawing, and looking back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer

from tradingkb.cli.common import (
    DEFAULT_WORKSPACE,
    AsJson,
    Constants,
    DryRun,
    Limit,
    Maps,
    Status,
    Strategy,
    Symbol,
    Timeframe,
    Workspace,
)
from tradingkb.cli.options import read_ids, read_mapping
from tradingkb.cli.output import print_frame, print_report, reported, show

Ids = Annotated[
    list[str] | None,
    typer.Argument(help="trial_id numbers, or source ids, or point ids; none: the filters select."),
]
BySource = Annotated[
    bool, typer.Option("--by-source-id", help="The ids are source ids, even if all are numbers.")
]
SourceType = Annotated[str | None, typer.Option(help="Only trials of this source.")]
Run = Annotated[str | None, typer.Option("--run", help="Only trials that this run wrote last.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept in the history.")]
NeededReason = Annotated[str, typer.Option(help="Why; kept with the run.")]
Who = Annotated[str | None, typer.Option("--actor", help="Who does it; default your user name.")]
RunId = Annotated[str, typer.Argument(help="A run_id of `tradingkb runs`.")]


class _Filters(TypedDict):
    workspace: str
    strategy_name: str | None
    symbol: str | None
    timeframe: str | None
    source_type: str | None
    run_id: str | None
    kb_status: Any


def _filters(
    workspace: str,
    strategy: str | None,
    symbol: str | None,
    timeframe: str | None,
    source_type: str | None,
    run: str | None,
    status: Any,
) -> _Filters:
    return {
        "workspace": workspace,
        "strategy_name": strategy,
        "symbol": symbol,
        "timeframe": timeframe,
        "source_type": source_type,
        "run_id": run,
        "kb_status": status,
    }


def promote(
    context: typer.Context,
    ids: Ids = None,
    by_source_id: BySource = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    strategy: Strategy = None,
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    source_type: SourceType = None,
    run: Run = None,
    status: Status = None,
    reason: Reason = None,
    actor: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Promote trials: a promoted one wins ties; rejected ones need a reason to come back."""
    with reported(), context.obj.open() as kb:
        where = _filters(workspace, strategy, symbol, timeframe, source_type, run, status)
        named = read_ids(ids, by_source_id=by_source_id)
        report = kb.promote(named, **where, reason=reason, actor=actor, dry_run=dry_run)
        print_report(report, as_json=as_json)


def reject(
    context: typer.Context,
    ids: Ids = None,
    by_source_id: BySource = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    strategy: Strategy = None,
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    source_type: SourceType = None,
    run: Run = None,
    status: Status = None,
    reason: Reason = None,
    actor: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Reject trials for good: they are never recommended; needs a reason."""
    with reported(), context.obj.open() as kb:
        where = _filters(workspace, strategy, symbol, timeframe, source_type, run, status)
        named = read_ids(ids, by_source_id=by_source_id)
        report = kb.reject(named, **where, reason=reason, actor=actor, dry_run=dry_run)
        print_report(report, as_json=as_json)


def archive(
    context: typer.Context,
    ids: Ids = None,
    by_source_id: BySource = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    strategy: Strategy = None,
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    source_type: SourceType = None,
    run: Run = None,
    status: Status = None,
    reason: Reason = None,
    actor: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take trials out of the index until their next ingest; their results still count."""
    with reported(), context.obj.open() as kb:
        where = _filters(workspace, strategy, symbol, timeframe, source_type, run, status)
        named = read_ids(ids, by_source_id=by_source_id)
        report = kb.archive(named, **where, reason=reason, actor=actor, dry_run=dry_run)
        print_report(report, as_json=as_json)


def history(
    context: typer.Context,
    ids: Ids = None,
    by_source_id: BySource = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    strategy: Strategy = None,
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    source_type: SourceType = None,
    run: Run = None,
    status: Status = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Status changes, newest first: who changed which trial, and why."""
    with reported(), context.obj.open() as kb:
        where = _filters(workspace, strategy, symbol, timeframe, source_type, run, status)
        named = read_ids(ids, by_source_id=by_source_id)
        print_frame(kb.history(named, **where, limit=limit), as_json=as_json)


def runs(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Ingests and re-embeddings, newest first."""
    columns = (
        "run_id",
        "started_at",
        "kind",
        "status",
        "source",
        "counts",
        "withdrawn_at",
        "withdrawn_reason",
    )
    with reported(), context.obj.open() as kb:
        print_frame(kb.runs(workspace, limit), as_json=as_json, columns=columns)


def withdraw(
    context: typer.Context,
    run: RunId,
    reason: NeededReason,
    workspace: Workspace = DEFAULT_WORKSPACE,
    actor: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a whole ingest run back, say after a bug in a backtest."""
    with reported(), context.obj.open() as kb:
        report = kb.withdraw(run, reason=reason, workspace=workspace, actor=actor, dry_run=dry_run)
        print_report(report, as_json=as_json)


def reinstate(
    context: typer.Context,
    run: RunId,
    reason: Reason = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    actor: Who = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring a withdrawn run back."""
    with reported(), context.obj.open() as kb:
        report = kb.reinstate(run, reason=reason, workspace=workspace, actor=actor, dry_run=dry_run)
        print_report(report, as_json=as_json)


def seen(
    context: typer.Context,
    trials: Annotated[Path, typer.Argument(help="Parquet, CSV or NDJSON; scores are not needed.")],
    workspace: Workspace = DEFAULT_WORKSPACE,
    maps: Maps = None,
    constants: Constants = None,
    map_file: Annotated[
        Path | None, typer.Option(help="TOML with the tables [map] and [set].")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Which of these experiments have been run already; row numbers count data rows from 1."""
    with reported(), context.obj.open() as kb:
        mapping = read_mapping(maps or [], constants or [], map_file)
        found = kb.seen(trials, workspace, mapping or None)
        if as_json:
            print_frame(found, as_json=True)
            return
        show(f"{found['seen'].sum():,} of {found.height:,} have been run already")
        print_frame(found.head(limit), as_json=False)
        if found.height > limit:
            show(f"{found.height - limit:,} more rows: --limit shows them, --json has all")


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (promote, reject, archive, history, runs, withdraw, reinstate, seen):
        app.command(rich_help_panel="What counts")(command)
