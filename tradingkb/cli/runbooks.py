"""Commands about runbooks: what there is, and what each of them is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradingkb.cli.common import AsJson
from tradingkb.cli.output import print_frame, print_json, reported, show
from tradingkb.cli.usage import OneLineErrors

if TYPE_CHECKING:
    from tradingkb.runbooks import Runbook

Name = Annotated[str, typer.Argument(help="Its name, or the beginning of it, such as 06.")]

runbook_app = typer.Typer(
    no_args_is_help=True,
    cls=OneLineErrors,
    help="Operating procedures as notebooks: dry runs, runs, their history and their schedule.",
)


@runbook_app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """All runbooks, and the alerts that lead to them."""
    import polars as pl

    with reported():
        found = _runbooks(context)
        if as_json:
            print_json([one.to_dict() for one in found])
            return
        rows = [
            {"runbook": one.name, "title": one.title, "alerts": ", ".join(one.alerts)}
            for one in found
        ]
        print_frame(pl.DataFrame(rows), as_json=False)


@runbook_app.command("show")
def show_(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """One runbook: its purpose, what it changes, how to undo that, and its parameters."""
    import polars as pl

    with reported():
        found = _runbook(context, name)
        if as_json:
            print_json(found.to_dict())
            return
        for line in _described(found):
            show(line)
        rows: list[dict[str, Any]] = [
            {
                "parameter": one.name,
                "type": one.type,
                "default": "(required)" if one.required else str(one.default),
                "meaning": one.meaning,
            }
            for one in found.parameters
        ]
        print_frame(pl.DataFrame(rows), as_json=False)


def _described(found: Runbook) -> list[str]:
    return [
        f"{found.name}: {found.title} (version {found.version})",
        f"purpose: {found.purpose}",
        f"when to run: {found.when}",
        f"alerts: {', '.join(found.alerts) or 'none'}",
        f"changes: {found.changes}",
        f"undo: {found.undo}",
    ]


def _runbooks(context: typer.Context) -> list[Runbook]:
    from tradingkb.runbooks import runbooks

    return runbooks(context.obj.settings().runbooks_dir)


def _runbook(context: typer.Context, name: str) -> Runbook:
    from tradingkb.runbooks import runbook

    return runbook(name, context.obj.settings().runbooks_dir)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.add_typer(runbook_app, name="runbook", rich_help_panel="Runbooks")
