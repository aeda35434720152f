"""The command that runs runbooks when they are due."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from tradingkb.cli.common import AsJson
from tradingkb.cli.output import EXIT_JOB_FAILED, print_frame, print_json, reported, say, show

if TYPE_CHECKING:
    from tradingkb.runbooks import ScheduleFile, Scheduler

_DEFAULT: Final = Path("schedules.toml")


def schedule(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(help="Schedules; default TRADINGKB_SCHEDULES or schedules.toml."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is wrong with the file, and end.")
    ] = False,
    next_: Annotated[
        int | None, typer.Option("--next", min=1, max=1000, help="Show the next so many times.")
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Show the last so many decisions, missed ones too."),
    ] = None,
    crontab: Annotated[bool, typer.Option("--crontab", help="Print it as a crontab.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due now, and end when that has.")
    ] = False,
    grace_s: Annotated[
        float, typer.Option(min=0, help="Seconds that runs have to end after SIGTERM.")
    ] = 30.0,
    beat_file: Annotated[
        Path | None, typer.Option(help="Touched whenever it did what was due, for who watches it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run runbooks at their times until SIGTERM; any number of schedulers may share a store.

    What is wrong with one entry stops no other. A change of the file is read within seconds. A
    second SIGTERM ends what runs at once.
    """
    with reported():
        if history is not None:
            with context.obj.open() as kb:
                print_frame(kb.schedule_ticks(limit=history), as_json=as_json)
            return
        path = file or context.obj.settings().schedules or _DEFAULT
        if check or crontab or next_ is not None:
            found = _read(context, path)
            if crontab:
                _print_crontab(context, found)
            elif next_ is not None:
                _print_next(found, next_, as_json=as_json)
            else:
                _print_check(found, as_json=as_json)
            _refuse(found)
            return
        _run(context, path, once=once, grace_s=grace_s, beat_file=beat_file)


def _run(
    context: typer.Context, path: Path, *, once: bool, grace_s: float, beat_file: Path | None
) -> None:
    from tradingkb.exceptions import ConfigurationError
    from tradingkb.observability import configure_logging
    from tradingkb.runbooks import run_scheduler, scheduler_of

    _libraries()
    if not path.is_file():
        raise ConfigurationError(
            f"there are no schedules at {path}: write them, or name the file with --file or "
            "TRADINGKB_SCHEDULES"
        )
    with context.obj.opened(context.obj.settings()) as kb:
        if not once:  # a service, whose log is where one looks
            configure_logging(kb.settings.service_log_level, kb.settings.log_format)
        scheduler = scheduler_of(kb, path, beat_file=beat_file)
        done = run_scheduler(scheduler, once=once, grace_s=grace_s)
        if once:
            _print_once(scheduler)
        if not done:
            say("error: a run did not end in time; its row says when it was last heard of")
        failed = [one for one in scheduler.ended if getattr(one, "outcome", "failed") == "failed"]
        if not done or (once and failed):
            raise typer.Exit(EXIT_JOB_FAILED)


def _print_once(scheduler: Scheduler) -> None:
    from tradingkb.ports import ScheduleTick

    for refused in scheduler.file.refused:
        say(f"refused: {refused}")
    for one in scheduler.ended:
        if isinstance(one, ScheduleTick):
            say(f"error: {one.schedule}: its run could not be begun: {one.detail}")
        else:
            show(f"{one.schedule}: {one.runbook} {one.outcome}")
    if not scheduler.ended:
        show("nothing was due")


def _read(context: typer.Context, path: Path) -> ScheduleFile:
    from tradingkb.runbooks import parameters_check, read_schedules

    _libraries()
    return read_schedules(path, parameters_check(context.obj.settings().runbooks_dir))


def _libraries() -> None:
    from importlib.util import find_spec

    from tradingkb.exceptions import ConfigurationError

    for name in ("cronsim", "papermill"):
        if find_spec(name) is None:
            raise ConfigurationError(f"{name} is not installed: pip install 'tradingkb[runbooks]'")


def _print_check(found: ScheduleFile, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "schedules": [{"name": one.name, **one.to_dict()} for one in found.schedules],
                "refused": [
                    {"entry": r.entry, "name": r.name, "field": r.field, "error": str(r)}
                    for r in found.refused
                ],
            }
        )
        return
    number = len(found.schedules)
    show(f"{number} schedule{'' if number == 1 else 's'} in force")


def _print_next(found: ScheduleFile, n: int, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    import polars as pl

    from tradingkb.runbooks import slots

    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [
        {
            "at": at,
            "schedule": one.name,
            "runbook": one.runbook,
            "there": f"{at.astimezone(ZoneInfo(one.timezone)):%a %Y-%m-%d %H:%M %Z}",
        }
        for one in found.schedules
        for at in islice(slots(one.cron, one.timezone, now), n)
    ]
    texts = dict.fromkeys(("schedule", "runbook", "there"), pl.String())
    frame = pl.DataFrame(rows, schema={"at": pl.Datetime("us", "UTC"), **texts})
    print_frame(frame.sort("at", "schedule"), as_json=as_json)


def _print_crontab(context: typer.Context, found: ScheduleFile) -> None:
    from tradingkb.runbooks import crontab

    home = context.obj.settings().absolute_home
    typer.echo(
        crontab(found.schedules, python=sys.executable, folder=Path.cwd(), home=home), nl=False
    )


def _refuse(found: ScheduleFile) -> None:
    """Exits with 2 where something is refused, after what is not."""
    for one in found.refused:
        say(f"refused: {one}")
    if found.refused:
        raise typer.Exit(2)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("schedule")(schedule)
