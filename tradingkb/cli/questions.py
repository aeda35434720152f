"""Questions beside `recommend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradingkb.cli.common import AsJson, Workspace
from tradingkb.cli.options import read_params, read_regime
from tradingkb.cli.output import print_report, reported
from tradingkb.workspaces import DEFAULT_WORKSPACE


def explain(
    context: typer.Context,
    strategy: Annotated[str, typer.Argument(help="Strategy name.")],
    params: Annotated[
        str | None, typer.Option(help='The parameters as JSON: {"fast": 10, "slow": 50}.')
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="One parameter, such as fast=10; repeatable.")
    ] = None,
    objective: Annotated[str, typer.Option(help="What to be good at.")] = "sharpe",
    workspace: Workspace = DEFAULT_WORKSPACE,
    ohlcv: Annotated[Path | None, typer.Option(help="The market as it is: price bars.")] = None,
    regime: Annotated[
        list[str] | None,
        typer.Option(help="A regime that you state: tags, or feature=value; repeatable."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Its own history weighs more.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Such as 5m, 1h, 1d.")] = None,
    own_trials: Annotated[
        Path | None, typer.Option(help="In-sample results of your current tuning.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Only what was knowable then (ISO 8601).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is known of parameters that you run already; the missing ones are the defaults."""
    with reported(), context.obj.open() as kb:
        found = kb.explain(
            strategy, read_params(params, param or []), objective, workspace, ohlcv,
            read_regime(regime or []), symbol, timeframe, own_trials, as_of, caller="cli",
        )  # fmt: skip
        print_report(found, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(explain)
