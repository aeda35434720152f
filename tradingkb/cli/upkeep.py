"""Commands that keep a store for years: its index, its backups, its size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradingkb.cli.common import DEFAULT_WORKSPACE, AsJson, Workspace
from tradingkb.cli.output import EXIT_DIFFERENCES, EXIT_PROBLEMS, print_report, reported

Model = Annotated[str | None, typer.Option("--model", help="Embedding model.")]
Collection = Annotated[str | None, typer.Option("--collection", help="Vector collection.")]


def problems(
    context: typer.Context, workspace: Workspace = DEFAULT_WORKSPACE, as_json: AsJson = False
) -> None:
    """What is wrong now, since when, and which runbook treats it; exits with 9 when anything is."""
    with reported(), context.obj.open() as kb:
        found = kb.problems(workspace)
        print_report(found, as_json=as_json)
        if not found.healthy:
            raise typer.Exit(EXIT_PROBLEMS)


def reconcile(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Embed what is missing or stale, delete the rest.")
    ] = False,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Slug or id; default all.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also find stored trials that are not what was given.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the store with the vector index; exits with 7 when they differ."""
    with reported(), context.obj.open() as kb:
        found = kb.reconcile(repair, workspace, deep)
        print_report(found, as_json=as_json)
        if not found.clean:
            raise typer.Exit(EXIT_DIFFERENCES)


def reembed(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    model: Model = None,
    collection: Collection = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew instead of resuming.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Embed every eligible trial anew; safe to kill and repeat."""
    with reported(), context.obj.open() as kb:
        report = kb.reembed(workspace, model, collection, restart)
        print_report(report, as_json=as_json)


def pull_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model of Ollama, with or without a tag.")],
    as_json: AsJson = False,
) -> None:
    """Let the Ollama server download an embedding model, and say what it makes."""
    with reported(), context.obj.open() as kb:
        print_report(kb.pull_model(name), as_json=as_json)


def activate(
    context: typer.Context,
    workspace: Workspace = DEFAULT_WORKSPACE,
    model: Model = None,
    collection: Collection = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Switch although trials are missing there, or its neighbours are bad."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Switch a workspace to a model and collection; neither: what the environment says."""
    with reported(), context.obj.open() as kb:
        report = kb.activate(model, collection, workspace, force)
        print_report(report, as_json=as_json)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write; its folder must exist.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a file of that name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write everything but vectors to one file, while others work on."""
    with reported(), context.obj.open() as kb:
        print_report(kb.backup(file, replace), as_json=as_json)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup, or the tradingkb.db of a home.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace everything that is stored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replace the store by a backup, all or nothing, and rebuild its index."""
    with reported(), context.obj.open() as kb:
        report = kb.restore(file, replace)
        print_report(report, as_json=as_json)
        if not report.complete:
            raise typer.Exit(EXIT_DIFFERENCES)


def migrate_store(
    context: typer.Context,
    to: Annotated[
        Path | None,
        typer.Option(help="Settings of the target as in .env; what it leaves out is embedded."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Settings of the source, likewise.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Move; without it, only look at both sides.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what else the target holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move everything to another place, embedded or servers, and compare both sides.

    Where one of them is not named, it is the place of the settings in force. The source is only
    read. Exits with 7 when something stands in the way, or when the sides are not the same
    afterwards.
    """
    with reported():
        from tradingkb.exceptions import InvalidInputError
        from tradingkb.moving import migrate_store as move
        from tradingkb.moving import settings_of_place

        force = context.obj.settings()
        if to is None and source is None:
            raise InvalidInputError(
                "neither side is named", remedy="give the target as --to, the source as --from"
            )
        here = force if source is None else settings_of_place(force, source)
        with context.obj.opened(here) as kb:
            report = move(
                kb,
                force if to is None else to,
                apply=apply,
                replace=replace,
                list_obstacles=True,
            )
        print_report(report, as_json=as_json)
        if not report.clean or report.changed:
            raise typer.Exit(EXIT_DIFFERENCES)


def prune(
    context: typer.Context,
    events_days: Annotated[
        int | None, typer.Option(help="Age of events; default TRADINGKB_EVENTS_RETENTION_DAYS.")
    ] = None,
    runs_days: Annotated[
        int | None,
        typer.Option(help="Age of runs, jobs; default TRADINGKB_RUNS_RETENTION_DAYS."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Delete; without it, only count.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="With --apply: give room in the file back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count, or delete, old recommend events, runs, jobs, runs of runbooks; trials stay."""
    with reported(), context.obj.open() as kb:
        report = kb.prune(events_days, runs_days, dry_run=not apply, compact=compact)
        print_report(report, as_json=as_json)


def rollups(
    context: typer.Context,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Slug or id; default all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the sums of recorded answers anew, after an earlier release has written some."""
    with reported(), context.obj.open() as kb:
        print_report(kb.rebuild_rollups(workspace), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    every = (
        *(problems, reconcile, reembed, activate, backup, restore),
        *(migrate_store, prune, rollups),
    )
    for command in every:
        app.command(rich_help_panel="Upkeep")(command)
    app.command("pull-model", rich_help_panel="Upkeep")(pull_model)
