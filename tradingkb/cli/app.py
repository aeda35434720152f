"""The commands; each is a thin layer over `KnowledgeBase`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tradingkb.cli import (
    collections,
    curation,
    jobs,
    quality,
    questions,
    runbook_runs,
    runbooks,
    schedules,
    serving,
    upkeep,
)
from tradingkb.cli.common import (
    DEFAULT_WORKSPACE,
    AsJson,
    Constants,
    DryRun,
    Limit,
    Maps,
    State,
    Status,
    Strategy,
    Symbol,
    Timeframe,
    Workspace,
)
from tradingkb.cli.options import read_mapping
from tradingkb.cli.output import (
    EPILOG,
    EXIT_ROWS_REFUSED,
    print_frame,
    print_json,
    print_report,
    reported,
    say,
    show,
)
from tradingkb.cli.usage import OneLineErrors

app = typer.Typer(
    name="tradingkb",
    no_args_is_help=True,
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    help="A knowledge base of your own backtests: trials in, recommendations out.",
    cls=OneLineErrors,
)


@app.callback()
def _root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the store; default TRADINGKB_HOME or .tradingkb.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR; default LOG_LEVEL.")
    ] = None,
) -> None:
    context.obj = State({"home": home, "log_level": log_level.upper() if log_level else None})


@app.command()
def init(context: typer.Context, workspace: Workspace = DEFAULT_WORKSPACE) -> None:
    """Create the store and a workspace; does nothing to what exists."""
    with reported(), context.obj.open() as kb:
        if workspace not in kb.workspaces()["slug"]:
            kb.create_workspace(workspace)
        show(f"store {kb.settings.shown_store_url}, workspace {workspace}")


@app.command()
def ingest(
    context: typer.Context,
    trials: Annotated[
        Path | None, typer.Argument(help="Parquet, CSV or NDJSON; none: index what is stored.")
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    ohlcv: Annotated[
        Path | None, typer.Option(help="Folder of <symbol>_<timeframe>.parquet, or one file.")
    ] = None,
    maps: Maps = None,
    constants: Constants = None,
    map_file: Annotated[
        Path | None, typer.Option(help="TOML with the tables [map] and [set].")
    ] = None,
    dry_run: DryRun = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse all when one row is bad.")
    ] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Take rows in that equal withdrawn trials.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take rows whose id is another experiment's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take trials in and index them; safe to repeat.

    Row numbers in messages count data rows from 1: a header line is not counted. Refused rows go
    into a file: correct it, and ingest it with the same options. Text files have to be UTF-8.
    """
    with reported(), context.obj.open() as kb:
        mapping = read_mapping(maps or [], constants or [], map_file)
        report = kb.ingest(trials, workspace, ohlcv, mapping, dry_run, strict, readmit, replace)
        print_report(report, as_json=as_json)
        if report.error:
            raise typer.Exit(EXIT_ROWS_REFUSED)


questions.register(app)


@app.command()
def trials(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    strategy: Strategy = None,
    symbol: Symbol = None,
    timeframe: Timeframe = None,
    status: Status = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Stored trials, newest known first."""
    columns = (
        "trial_id",
        "source_id",
        "strategy_name",
        "symbol",
        "timeframe",
        "params",
        "oos_start",
        "sharpe_is",
        "sharpe_oos",
        "max_drawdown_frac_oos",
        "n_trades_oos",
        "kb_status",
    )
    with reported(), context.obj.open() as kb:
        frame = kb.trials(workspace, strategy, symbol, timeframe, status, limit=limit)
        print_frame(frame, as_json=as_json, columns=columns)


@app.command()
def regime(
    context: typer.Context,
    ohlcv: Annotated[Path, typer.Argument(help="Price bars: Parquet or CSV.")],
    timeframe: Annotated[str | None, typer.Option(help="Such as 5m, 1h, 1d.")] = None,
    as_json: AsJson = False,
) -> None:
    """The regime of the last bars: features, tags and the evidence for each tag."""
    from tradingkb.plain import plain  # Polars: not before a command needs it

    with reported(), context.obj.open() as kb:
        found = kb.regime(ohlcv, timeframe)
        if as_json:
            print_json(plain(found))
            return
        show(f"{found.symbol or '?'} {found.timeframe}: {', '.join(found.tags) or 'no tag'}")
        for item in found.evidence:
            show(f"  {item.tag:<26}{item.rule} (is {item.value:.4g})")
        for name, value in found.features.items():
            show(f"  {name:<26}{value:.4g}")


@app.command()
def strategies(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    register: Annotated[
        Path | None, typer.Option(help="Register the specs of a TOML file or folder first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Strategies with trials or a spec."""
    with reported(), context.obj.open() as kb:
        if register:
            kb.register_strategy(register, workspace)
        print_frame(kb.strategies(workspace), as_json=as_json)


@app.command()
def workspaces(
    context: typer.Context,
    create: Annotated[str | None, typer.Option(help="Create this workspace first.")] = None,
    as_json: AsJson = False,
) -> None:
    """Workspaces, with the model and collection in force."""
    with reported(), context.obj.open() as kb:
        if create:
            kb.create_workspace(create)
        print_frame(kb.workspaces(), as_json=as_json)


@app.command()
def events(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    status: Annotated[
        Literal["ok", "degraded", "none"] | None, typer.Option(help="Only these.")
    ] = None,
    strategy: Strategy = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Recorded recommendations, newest first."""
    columns = (
        "at",
        "strategy_name",
        "objective_type",
        "symbol",
        "timeframe",
        "status",
        "expected",
        "reasons",
        "after_strict",
        "after_relaxed",
        "windows_used",
        "params",
        "source",
    )
    with reported(), context.obj.open() as kb:
        print_frame(kb.events(workspace, limit, status, strategy), as_json=as_json, columns=columns)


@app.command()
def config(context: typer.Context, as_json: AsJson = False) -> None:
    """Every setting with its value and where it came from."""
    import polars as pl

    from tradingkb.settings import describe, doubtful_names, load_settings

    with reported():
        rows = describe(load_settings(**context.obj.arguments), context.obj.arguments)
        for doubt in doubtful_names():
            say(f"warning: {doubt}")
        if as_json:
            print_json(rows)
            return
        shown = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
        print_frame(pl.DataFrame(shown), as_json=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.html.")] = Path("demo"),
    data: Annotated[Path, typer.Option(help="The repository's data folder.")] = Path("data"),
    home: Annotated[Path, typer.Option(help="Folder of the demo's store.")] = Path(".demo"),
) -> None:
    """Ingest the sample trials, recommend, and write a report to open."""
    from tradingkb.cli.demo import run_demo

    with reported():
        report = run_demo(data, home, out)
        show("`make dashboard` shows the store in a browser")
        show(f"open {report}")


curation.register(app)
jobs.register(app)
runbooks.register(app)
runbook_runs.register(runbooks.runbook_app)
schedules.register(runbooks.runbook_app)
upkeep.register(app)
collections.register(app)
quality.register(app)
serving.register(app)


def main() -> None:
    """Entry point of the console script."""
    app()
