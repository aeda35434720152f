"""Commands that run a runbook, and that list what ran."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tradingkb.cli.common import AsJson, Limit
from tradingkb.cli.output import (
    EXIT_JOB_FAILED,
    columns_of_output,
    print_frame,
    print_json,
    reported,
    show,
)
from tradingkb.cli.runbook_texts import ended_lines, history_lines, whole_lines
from tradingkb.cli.wording import as_parameters
from tradingkb.printable import printable

if TYPE_CHECKING:
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks import CellAt
    from tradingkb.settings import Settings

#: Exit code by outcome.
EXIT_BY_OUTCOME: Final = {
    "done": 0,
    "nothing_to_do": 10,
    "needs_decision": 11,
    "failed": EXIT_JOB_FAILED,
}
_INTERRUPTED: Final = (
    "the kernel was ended; a run that had begun has a row with what was done, which "
    "tradingkb runbook history shows"
)
#: Among so many runs the beginning of an id is looked for.
_LOOKED_AT: Final = 1_000


def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, or the beginning of it, such as 06.")],
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value; repeatable.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Carry the plan out; -p dry_run=false.")
    ] = False,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds after which it is ended; default its own.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Who asks; default the user.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a runbook, a dry run unless told otherwise; keeps its notebook, a report and a row.

    Exits with 0 when it has carried its plan out, 10 when there was nothing to do, 11 when
    somebody has to decide, and 8 when it failed.
    """
    with reported(worded=as_parameters, interrupted=_INTERRUPTED), _ended_by_signals():
        from tradingkb.jobs import user_name
        from tradingkb.observability import configure_logging
        from tradingkb.runbooks import output_folder, run_runbook

        settings: Settings = context.obj.settings()
        configure_logging(settings.log_level, settings.log_format)
        given = _given(parameters or (), apply=apply)
        who = actor or user_name()
        try:
            found = run_runbook(settings, name, given, actor=who, deadline_s=deadline, told=_tell)
        except KeyboardInterrupt:
            _say()  # the line of the cell at work has no end
            raise
        if found.cell_done < found.cell_total:
            _say()
        if as_json:
            print_json(found.to_dict())
        else:
            for line in ended_lines(found.to_dict(), output_folder(settings)):
                show(line)
        raise typer.Exit(EXIT_BY_OUTCOME[found.outcome or "failed"])


def history(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only runs of this one; its whole name.")] = (
        None
    ),
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Only runs with this workspace.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="One run whole; its id, or the beginning of it.")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """What ran, newest first: who asked for it, how it ended, and why it failed.

    With --run one of them whole: parameters, findings, actions with what undoes them, next steps.
    """
    with reported(), context.obj.open() as kb:
        from tradingkb.plain import plain_rows
        from tradingkb.runbooks import output_folder

        if run_id is not None:
            found = kb.runbook_run(_whole_id(kb, run_id))
            if as_json:
                print_json(found)
                return
            lines = whole_lines(found, output_folder(context.obj.settings()))
        else:
            frame = kb.runbook_runs(name, limit, workspace)
            if as_json:
                print_frame(frame, as_json=True)
                return
            lines = history_lines(plain_rows(frame), columns_of_output())
        for line in lines:
            show(line)


def _whole_id(kb: KnowledgeBase, beginning: str) -> str:
    """The id of the one run among the newest whose id begins so; else what was given.

    Raises:
        InvalidInputError: several begin so.
    """
    from tradingkb.exceptions import InvalidInputError

    ids = [one for one in kb.runbook_runs(limit=_LOOKED_AT)["run_id"] if one.startswith(beginning)]
    if beginning in ids or not ids:
        return beginning
    if len(ids) > 1:
        raise InvalidInputError(
            f"{len(ids)} runs begin with {beginning!r}",
            field="--run",
            remedy=f"give more of the id, such as {ids[0]}",
        )
    return str(ids[0])


def _given(pairs: Sequence[str], *, apply: bool) -> dict[str, Any]:
    """Values by parameter."""
    from tradingkb.exceptions import InvalidInputError

    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name = name.strip()
        if not (name and sign) or name in found:
            problem = "is given twice" if name in found else "is not of the form name=value"
            raise InvalidInputError(
                f"{pair!r} {problem}", field="-p", remedy="for example -p workspace=default"
            )
        found[name] = value
    if apply and "dry_run" in found:
        raise InvalidInputError(
            "--apply and -p dry_run are both given", field="--apply", remedy="give one of them"
        )
    return {**found, "dry_run": False} if apply else found


def _tell(at: CellAt) -> None:
    """A line for each cell, on stderr: what is at work, then how long it took."""
    if at.seconds is None:
        _say(printable(f"{at.number}/{at.total} {at.title} ..."), nl=False)
    else:
        _say(f" {at.seconds:.1f} s")


def _say(text: str = "", *, nl: bool = True) -> None:
    """Progress on stderr; that nobody reads any more, in a pipe that is closed, ends no run."""
    with suppress(OSError):
        typer.echo(text, err=True, nl=nl)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM, and the end of the terminal, end a run as Ctrl-C does: recorded, with its kernel.

    What is ignored already stays so: `nohup` means that a run outlives its terminal.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, signal.default_int_handler)
    except ValueError:  # not the main thread: whoever called looks after signals
        yield
        return
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def register(app: typer.Typer) -> None:
    """Adds these commands to those about runbooks."""
    app.command("run")(run)
    app.command("history")(history)
