"""Commands about long work: who holds which workspace, and what jobs do."""

from __future__ import annotations

from typing import Annotated

import typer

from tradingkb.cli.common import AsJson
from tradingkb.cli.output import print_frame, print_report, reported

Who = Annotated[str | None, typer.Option("--actor", help="Who does it; default your user name.")]


def leases(
    context: typer.Context,
    break_: Annotated[
        str | None,
        typer.Option("--break", help="Take this lease, by its name or workspace, from its holder."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it is broken; logged.")] = "",
    actor: Who = None,
    as_json: AsJson = False,
) -> None:
    """Who works on which workspace now; a holder whose lease is broken stops, nothing is lost."""
    with reported(), context.obj.open() as kb:
        if break_ is None:
            print_frame(kb.leases(), as_json=as_json)
            return
        print_report(kb.break_lease(break_, reason=reason, actor=actor), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (leases,):
        app.command(rich_help_panel="Long work")(command)
