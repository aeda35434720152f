"""Questions: one, many, and about parameters in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from tradingkb.cli.common import DEFAULT_WORKSPACE, AsJson, Workspace
from tradingkb.cli.options import read_params, read_regime
from tradingkb.cli.output import (
    EXIT_NO_ANSWER,
    EXIT_ROWS_REFUSED,
    print_frame,
    print_json,
    print_report,
    reported,
    say,
    show,
    write_csv,
)
from tradingkb.cli.wording import as_commands

#: What a terminal shows of the answers.
_COLUMNS: Final = (
    "strategy_name",
    "market",
    "symbol",
    "timeframe",
    "status",
    "params",
    "expected",
    "low",
    "high",
    "defaults_expected",
    "windows",
    "reasons",
)

Objective = Annotated[str, typer.Option(help="What to be good at.")]
Ohlcv = Annotated[Path | None, typer.Option(help="The market as it is: price bars.")]
StatedRegime = Annotated[
    list[str] | None,
    typer.Option(help="A regime that you state: tags, or feature=value; repeatable."),
]
OwnSymbol = Annotated[str | None, typer.Option(help="Its own history speaks too.")]
OwnTimeframe = Annotated[str | None, typer.Option(help="Such as 5m, 1h, 1d.")]
OwnTrials = Annotated[
    Path | None,
    typer.Option(
        help="In-sample results of your current tuning; their trade counts alone are used."
    ),
]
AsOf = Annotated[str | None, typer.Option(help="Only what was knowable then (ISO 8601).")]
RequireOos = Annotated[
    bool | None, typer.Option("--require-oos/--no-require-oos", help="Only trials with OOS.")
]
MaxDrawdown = Annotated[float | None, typer.Option(help="Fraction: 0.25 is 25 %.")]
MinTrades = Annotated[int | None, typer.Option(help="Fewest trades.")]
MaxOverfitGap = Annotated[
    float | None, typer.Option(help="Largest in-sample minus out-of-sample Sharpe.")
]
RegimeTags = Annotated[
    list[str] | None, typer.Option(help="Nominate only from regimes with this tag; repeatable.")
]


def recommend(
    context: typer.Context,
    strategy: Annotated[str, typer.Argument(help="Strategy name.")],
    objective: Objective = "sharpe",
    workspace: Workspace = DEFAULT_WORKSPACE,
    ohlcv: Ohlcv = None,
    regime: StatedRegime = None,
    symbol: OwnSymbol = None,
    timeframe: OwnTimeframe = None,
    own_trials: OwnTrials = None,
    as_of: AsOf = None,
    require_oos: RequireOos = None,
    max_drawdown: MaxDrawdown = None,
    min_trades: MinTrades = None,
    max_overfit_gap: MaxOverfitGap = None,
    regime_tag: RegimeTags = None,
    min_deflated_sharpe: Annotated[
        float | None, typer.Option(help="Lowest deflated Sharpe ratio of the choice, 0 to 1.")
    ] = None,
    max_pbo: Annotated[
        float | None, typer.Option(help="Highest probability of backtest overfitting, 0 to 1.")
    ] = None,
    debug: Annotated[bool, typer.Option(help="Add the funnel and all parameter sets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which parameters have evidence behind them, and how far to trust them."""
    with reported(), context.obj.open() as kb:
        answer = kb.recommend(
            strategy,
            objective,
            workspace,
            ohlcv,
            read_regime(regime or []),
            symbol,
            timeframe,
            own_trials,
            as_of,
            require_oos,
            max_drawdown,
            min_trades,
            max_overfit_gap,
            regime_tag,
            "debug" if debug else "full",
            min_deflated_sharpe=min_deflated_sharpe,
            max_pbo=max_pbo,
            caller="cli",
        )
        if as_json:
            print_json(answer.to_dict())
        else:
            from tradingkb.presentation import answer_text

            show(as_commands(answer_text(answer.to_dict())))
        if answer.status == "none":
            raise typer.Exit(EXIT_NO_ANSWER)


def explain(
    context: typer.Context,
    strategy: Annotated[str, typer.Argument(help="Strategy name.")],
    params: Annotated[
        str | None, typer.Option(help='The parameters as JSON: {"fast": 10, "slow": 50}.')
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="One parameter, such as fast=10; repeatable.")
    ] = None,
    objective: Objective = "sharpe",
    workspace: Workspace = DEFAULT_WORKSPACE,
    ohlcv: Ohlcv = None,
    regime: StatedRegime = None,
    symbol: OwnSymbol = None,
    timeframe: OwnTimeframe = None,
    own_trials: OwnTrials = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """What is known of parameters that you run already; the missing ones are the defaults."""
    with reported(), context.obj.open() as kb:
        found = kb.explain(
            strategy,
            read_params(params, param or []),
            objective,
            workspace,
            ohlcv,
            read_regime(regime or []),
            symbol,
            timeframe,
            own_trials,
            as_of,
            caller="cli",
        )
        print_report(found, as_json=as_json)


def recommend_many(
    context: typer.Context,
    strategy: Annotated[
        list[str] | None, typer.Option(help="A strategy; repeatable. None: all strategies.")
    ] = None,
    ohlcv: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of <symbol>_<timeframe>.parquet, or one file; repeatable."),
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="CSV or Parquet with a question per row.")
    ] = None,
    objective: Objective = "sharpe",
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_of: AsOf = None,
    require_oos: RequireOos = None,
    max_drawdown: MaxDrawdown = None,
    min_trades: MinTrades = None,
    max_overfit_gap: MaxOverfitGap = None,
    regime_tag: RegimeTags = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Answer nothing when one question is bad.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all columns to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """A table of recommendations for many strategies and markets, at batch speed."""
    with reported(), context.obj.open() as kb:
        found = kb.recommend_many(
            questions,
            strategies=strategy,
            markets=ohlcv,
            objective_type=objective,
            workspace=workspace,
            as_of=as_of,
            require_oos=require_oos,
            max_drawdown=max_drawdown,
            min_trades=min_trades,
            max_overfit_gap=max_overfit_gap,
            regime_tags=regime_tag,
            strict=strict,
            caller="cli",
        )
        if csv is not None:
            write_csv(found, csv)
        print_frame(found, as_json=as_json, columns=_COLUMNS)
        errors = found["error"].drop_nulls()
        if len(errors):
            count = f"{len(errors):,} of {found.height:,} questions have no answer"
            say(f"error: {count}; the first is {as_commands(errors[0])}")
            raise typer.Exit(EXIT_ROWS_REFUSED)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(recommend)
    app.command()(explain)
    app.command("recommend-many")(recommend_many)
