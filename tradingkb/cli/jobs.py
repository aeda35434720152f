"""Commands about long work: what jobs do, and who holds which workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tradingkb.cli.common import AsJson, Limit
from tradingkb.cli.output import (
    EXIT_JOB_FAILED,
    print_frame,
    print_json,
    print_report,
    reported,
    show,
)

if TYPE_CHECKING:
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.ports import Job

Who = Annotated[str | None, typer.Option("--actor", help="Who does it; default your user name.")]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


def jobs(
    context: typer.Context,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Slug or id; default all.")
    ] = None,
    state: Annotated[JobState | None, typer.Option(help="Only these.")] = None,
    limit: Limit = 20,
    work: Annotated[
        bool, typer.Option("--work", help="Run here what is queued, then end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Jobs, newest first; a service runs them, or --work does without one.

    --work runs one job after the other, those of dead processes first, and ends when there is none
    that may begin: one whose workspace is being worked on, or whose backend was away, stays queued.
    """
    with reported(), context.obj.open() as kb:
        if work:
            _print_ended(_work_off(kb), as_json=as_json)
            return
        columns = (
            *("job_id", "created_at", "kind", "state", "progress_done", "progress_total"),
            *("attempts", "error"),
        )
        print_frame(kb.jobs(workspace, state, limit), as_json=as_json, columns=columns)


def _work_off(kb: KnowledgeBase) -> list[Job]:
    """Runs jobs here until none may begin; the ones that were run."""
    from tradingkb.progress import progress_bar

    runner = kb.job_runner()
    ended: list[Job] = []
    while True:
        with progress_bar(None) as progress:
            job = runner.run_next(progress)
        if job is None:
            return ended
        ended.append(job)


def _print_ended(ended: list[Job], *, as_json: bool) -> None:
    if as_json:
        print_json([job.to_dict() for job in ended])
    elif not ended:
        show("no job is queued that may begin now")
    else:
        for job in ended:
            show(f"{job.job_id} {job.kind}: {job.state}{_because(job)}")
    if any(job.state == "failed" for job in ended):
        raise typer.Exit(EXIT_JOB_FAILED)


def job(
    context: typer.Context,
    job_id: Annotated[str, typer.Argument(help="A job_id of `tradingkb jobs`.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel it; a running one stops at its next progress.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """One job: its state, progress, error and result."""
    with reported(), context.obj.open() as kb:
        found = kb.cancel_job(job_id) if cancel else kb.job(job_id)
        if as_json:
            print_json(found.to_dict())
            return
        for name, value in found.to_dict().items():
            if value not in (None, {}):
                show(f"{name}: {_shown(value)}")


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


def _because(job: Job) -> str:
    if job.error:
        return f" ({job.error})"
    return " (its workspace is being worked on)" if job.state == "queued" else ""


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return str(value)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (jobs, job, leases):
        app.command(rich_help_panel="Long work")(command)
