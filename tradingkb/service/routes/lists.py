"""What is stored, page by page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from tradingkb.service.documents import documented
from tradingkb.service.encoding import frame_rows, json_response, page_response
from tradingkb.service.forms import EVENTS, JOB, JOBS, SUMMARY, TRIALS
from tradingkb.service.gate import known_query, reading, require_token
from tradingkb.service.routes.parameters import (
    Cursor,
    Flag,
    Limit,
    Selected,
    Since,
    Text,
    Until,
    Workspace,
    given,
)
from tradingkb.service.state import service_of

router = APIRouter(tags=["lists"], dependencies=[Depends(require_token), Depends(known_query)])


@router.get("/kb/trials", **documented(TRIALS))
def trials(
    request: Request,
    selected: Annotated[Selected, Depends()],
    limit: Limit = 100,
    cursor: Cursor = None,
    order: Annotated[
        str,
        Query(
            min_length=1,
            max_length=64,
            description='"stored", or a column; trials without a value come last.',
        ),
    ] = "stored",
    descending: Annotated[bool, Query(description="The greatest value first.")] = True,
) -> Response:
    """Stored trials, those stored last first, or in another order."""
    with reading(request, selected.workspace_id):
        page = service_of(request).kb.trial_page(
            selected.workspace_id,
            selected.where,
            limit,
            cursor,
            order,
            descending,
            selected.bounds,
        )
    return page_response("trials", page)


@router.get("/kb/events", **documented(EVENTS))
def events(
    request: Request,
    workspace_id: Workspace = "default",
    status: Literal["ok", "degraded", "none"] | None = None,
    strategy_name: Text = None,
    objective_type: Text = None,
    request_id: Text = None,
    source: Text = None,
    replica: Text = None,
    strict_to_relaxed: Flag = None,
    metadata_only: Flag = None,
    repaired_params: Flag = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Recorded recommendations, newest first."""
    where = {
        "status": status,
        "strategy_name": strategy_name,
        "objective_type": objective_type,
        "request_id": request_id,
        "source": source,
        "replica": replica,
        "strict_to_relaxed": strict_to_relaxed,
        "metadata_only": metadata_only,
        "repaired_params": repaired_params,
    }
    with reading(request, workspace_id):
        page = service_of(request).kb.event_page(
            workspace_id, given(where), limit, cursor, since, until
        )
    return page_response("events", page)


@router.get("/kb/events/summary", **documented(SUMMARY))
def event_summary(
    request: Request,
    workspace_id: Workspace = "default",
    hours: Annotated[float, Query(gt=0, le=8784, description="Of the last hours.")] = 24.0,
) -> Response:
    """How many recommendations were ok, degraded and none; probes are left out."""
    with reading(request, workspace_id):
        found = service_of(request).kb.event_summary(workspace_id, hours)
    rows = frame_rows(found)
    total = {s: sum(r["count"] for r in rows if r["status"] == s) for s in _STATUSES}
    return json_response({"hours": hours, "total": total, "by_strategy": rows})


_STATUSES = ("ok", "degraded", "none")


@router.get("/kb/jobs", **documented(JOBS))
def jobs(
    request: Request,
    workspace_id: Workspace = "default",
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Jobs of a workspace, newest first."""
    with reading(request, workspace_id):
        found = service_of(request).kb.jobs(workspace_id, state, limit, cursor)
    last = found["job_id"][-1] if found.height == limit else None
    return json_response({"jobs": list(map(_job, frame_rows(found))), "next": last})


@router.get("/kb/jobs/{job_id}", **documented(JOB))
def job(request: Request, job_id: str) -> Response:
    """One job."""
    found = service_of(request).kb.job(job_id)
    with reading(request, found.workspace_id):
        return json_response(found.to_dict())


def _job(row: dict[str, Any]) -> dict[str, Any]:
    """As one job alone is shown."""
    done, total = row.pop("progress_done"), row.pop("progress_total")
    return {**row, "progress": {"done": done, "total": total}}
