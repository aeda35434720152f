"""The command that serves over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from tradingkb.cli.output import reported


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every one.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve over HTTP until SIGTERM; logs at INFO unless LOG_LEVEL says otherwise."""
    with reported():
        context.obj.serve(host, port)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(rich_help_panel="Service")(serve)
