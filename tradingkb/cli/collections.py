"""Commands about collections of the vector index, and their snapshots."""

from __future__ import annotations

from typing import Annotated

import typer

from tradingkb.cli.common import AsJson
from tradingkb.cli.output import print_frame, print_report, reported

Collection = Annotated[str | None, typer.Option("--collection", help="Vector collection.")]
Snapshot = Annotated[str, typer.Argument(help="Name of a snapshot.")]


def collections(context: typer.Context, as_json: AsJson = False) -> None:
    """List the collections of the vector index: what they hold, and who searches them."""
    with reported(), context.obj.open() as kb:
        shown = ("collection", "model", "dimension", "points", "state", "aliases", "active_for")
        print_frame(kb.collections(), as_json=as_json, columns=(*shown, "foreign"))


def snapshot(
    context: typer.Context, collection: Collection = None, as_json: AsJson = False
) -> None:
    """Keep what a collection holds now; default the one that the workspaces search."""
    with reported(), context.obj.open() as kb:
        print_report(kb.snapshot(collection), as_json=as_json)


def snapshots(
    context: typer.Context, collection: Collection = None, as_json: AsJson = False
) -> None:
    """List snapshots of collections."""
    with reported(), context.obj.open() as kb:
        print_frame(kb.snapshots(collection), as_json=as_json)


def recover(
    context: typer.Context,
    snapshot: Snapshot,
    collection: Collection = None,
    into: Annotated[
        str | None, typer.Option("--into", help="New collection; default the next version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new collection of a snapshot; activate switches a workspace to it."""
    with reported(), context.obj.open() as kb:
        print_report(kb.recover(snapshot, collection, into), as_json=as_json)


def drop_collection(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a collection.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also one that a workspace searches.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Drop a collection; its snapshots stay."""
    with reported(), context.obj.open() as kb:
        print_report(kb.drop_collection(name, force), as_json=as_json)


def drop_snapshot(
    context: typer.Context,
    snapshot: Snapshot,
    collection: Collection = None,
    as_json: AsJson = False,
) -> None:
    """Delete a snapshot."""
    with reported(), context.obj.open() as kb:
        print_report(kb.drop_snapshot(snapshot, collection), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (collections, snapshot, snapshots, recover):
        app.command(rich_help_panel="Upkeep")(command)
    app.command("drop-collection", rich_help_panel="Upkeep")(drop_collection)
    app.command("drop-snapshot", rich_help_panel="Upkeep")(drop_snapshot)
