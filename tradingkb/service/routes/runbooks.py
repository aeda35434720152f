"""Runbooks: what there are, their runs and schedules, and starting one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import polars as pl
from fastapi import APIRouter, Depends, Path, Request, Response

from tradingkb.masking import without_machines
from tradingkb.monitoring import run_page, told_run
from tradingkb.plain import plain
from tradingkb.presentation import REPORT_POLICY
from tradingkb.runbooks import asked_for, read_report, runbooks, start_runbook
from tradingkb.service.arriving import JsonBody
from tradingkb.service.bodies import RunbookBody, parsed
from tradingkb.service.documents import documented
from tradingkb.service.encoding import json_response, page_response, table
from tradingkb.service.forms import HTML, TABLE
from tradingkb.service.gate import known_query, owned, reading, require_admin, require_token
from tradingkb.service.routes.parameters import Cursor, Limit, Text, Workspace
from tradingkb.service.runbook_forms import RUN, RUNBOOKS, RUNS
from tradingkb.service.state import service_of

router = APIRouter(tags=["runbooks"], dependencies=[Depends(require_token), Depends(known_query)])
starting = APIRouter(
    tags=["administration"], dependencies=[Depends(require_admin), Depends(known_query)]
)

Named = Annotated[str, Path(min_length=1, max_length=255)]
#: Who asks where the request does not say.
_ACTOR: Final = "http"
#: Opened by itself a report is of no origin either.
_SHUT_IN: Final = {
    "Content-Security-Policy": f"{REPORT_POLICY}; sandbox allow-scripts",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/kb/runbooks", **documented(RUNBOOKS))
def catalogue(request: Request) -> Response:
    """What runbooks there are: what each is for, its parameters, and the alerts that lead to it."""
    with reading(request, None):
        found = runbooks(service_of(request).settings.runbooks_dir)
    return json_response({"runbooks": [plain(one.to_dict()) for one in found]})


@router.get("/kb/runbooks/runs", **documented(RUNS))
def runs(
    request: Request,
    workspace_id: Workspace = "default",
    runbook: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Runs of a workspace, newest first; without their results."""
    with reading(request, workspace_id):
        kb = service_of(request).kb
        space = kb.use_cases.workspaces.find(workspace_id)
        page = run_page(kb.runbook_runs, (space.slug, space.id), runbook, limit, cursor)
    return page_response("runs", page)


@router.get("/kb/runbooks/runs/{run_id:path}/report", **documented(HTML))
def report(request: Request, run_id: Named) -> Response:
    """The HTML report of a run. Its policy lets it run its own scripts and ask nobody."""
    with _of_own(request, run_id) as found:
        html = read_report(service_of(request).settings, found)
    return Response(html, media_type="text/html", headers=_SHUT_IN)


@router.get("/kb/runbooks/runs/{run_id:path}", **documented(RUN))
def run(request: Request, run_id: Named) -> Response:
    """One run: how far it is, or what it found, did, and says to do next."""
    with _of_own(request, run_id) as found:
        return json_response(told_run(found))


@starting.post(
    "/kb/runbooks/{name:path}/runs",
    status_code=202,
    **documented(RUN, request=RunbookBody, status=202),
)
def start(request: Request, name: Named, arrived: JsonBody) -> Response:
    """Start a runbook in a process of its own; answers at once with the run that has begun."""
    body = parsed(RunbookBody, arrived.json)
    asked = asked_for(body.parameters, dry_run=body.dry_run)
    begun = start_runbook(service_of(request).kb.settings, name, asked, actor=body.actor or _ACTOR)
    where = {"Location": f"/kb/runbooks/runs/{begun.run_id}"}
    return json_response(told_run(begun.to_dict()), 202, where)


@router.get("/kb/schedules", **documented(TABLE))
def schedules(request: Request) -> Response:
    """What is run by itself: when it is due next, and what came of the last time."""
    with reading(request, None):
        found = service_of(request).kb.schedules()
    return _of_machines(_seen(request, found))


@router.get("/kb/schedules/ticks", **documented(TABLE))
def ticks(request: Request, limit: Limit = 50) -> Response:
    """What was decided about times that were due, newest first: started, missed, skipped."""
    with reading(request, None):
        kb = service_of(request).kb
        found, known = kb.schedule_ticks(limit=limit), _seen(request, kb.schedules())
    if owned(request) is not None:
        found = found.filter(pl.col("schedule").is_in(known["name"].implode()))
    return _of_machines(found)


@contextmanager
def _of_own(request: Request, run_id: str) -> Iterator[dict[str, Any]]:
    """A run, where the request may see its workspace, which need not exist."""
    found = service_of(request).kb.runbook_run(run_id)
    with reading(request, None if owned(request) is None else found["workspace"]):
        yield found


def _seen(request: Request, frame: pl.DataFrame) -> pl.DataFrame:
    """The schedules of workspaces that a request may see."""
    own = owned(request)
    return frame if own is None else frame.filter(pl.col("workspace").is_in(list(own)))


def _of_machines(frame: pl.DataFrame) -> Response:
    found = table(frame)
    return json_response({**found, "rows": without_machines(found["rows"])})
