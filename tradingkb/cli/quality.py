"""Commands that measure what advice is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradingkb.cli.common import DEFAULT_WORKSPACE, AsJson, Workspace
from tradingkb.cli.output import print_frame, print_report, reported, show

Objective = Annotated[str, typer.Option(help="What decisions are judged by.")]
Seed = Annotated[int, typer.Option(help="Of every draw.")]


def evaluate(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    objective: Objective = "sharpe",
    strategy: Annotated[
        list[str] | None, typer.Option(help="Only this strategy; repeatable.")
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="Only decisions on this symbol; repeatable. Evidence comes from all."),
    ] = None,
    max_decisions: Annotated[
        int | None, typer.Option(min=1, help="Draw so many at random where there are more.")
    ] = None,
    controls: Annotated[
        bool, typer.Option(help="Also replay what should add nothing: placebo, random windows.")
    ] = True,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Write a report to open (HTML).")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Write every decision and method (Parquet).")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay history: what advice was worth beside other ways to choose."""
    with reported(), context.obj.open() as kb:
        found = kb.evaluate(strategy, objective, workspace, symbol, max_decisions, controls, seed)
        if decisions is not None:
            found.decisions.write_parquet(decisions)
        if out is not None:
            found.to_html(out)
        if markdown:
            from tradingkb.presentation import evaluation_markdown

            show(evaluation_markdown(found.to_dict()))
        else:
            print_report(found, as_json=as_json)
        if out is not None and not as_json:
            show(f"open {out}")


def calibrate(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    objective: Objective = "sharpe",
    restart: Annotated[
        bool, typer.Option("--restart", help="Replay every decision again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fit the confidence of answers on what past decisions earned; repeat it as trials come in."""
    with reported(), context.obj.open() as kb:
        print_report(kb.calibrate(objective, workspace, restart), as_json=as_json)


def compare_models(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="An embedding model, such as the one in force.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """What another embedding model would change: how good its neighbours are, and answers."""
    with reported(), context.obj.open() as kb:
        found = kb.compare_models(a, b, workspace)
        if not as_json:
            print_frame(found.models, as_json=False)
        print_report(found, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (evaluate, calibrate):
        app.command(rich_help_panel="Quality")(command)
    app.command("compare-models", rich_help_panel="Quality")(compare_models)
