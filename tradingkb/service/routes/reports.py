"""What happened, and what is wrong now: what dashboards ask again and again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tradingkb.masking import without_machines
from tradingkb.plain import plain
from tradingkb.service.documents import documented
from tradingkb.service.encoding import json_response, report_response, table, table_response
from tradingkb.service.forms import EVENT, FRESHNESS, PROBLEMS, TABLE
from tradingkb.service.gate import known_query, reading, require_token
from tradingkb.service.routes.parameters import At, By, Limit, Since, Until, Workspace, listed
from tradingkb.service.state import service_of

router = APIRouter(tags=["reports"], dependencies=[Depends(require_token), Depends(known_query)])


@router.get("/kb/events/rates", **documented(TABLE))
def rates(
    request: Request,
    workspace_id: Workspace = "default",
    since: Since = None,
    until: Until = None,
    bucket: Annotated[
        Literal["minute", "hour", "day", "all"], Query(description="minute: 48 h at most.")
    ] = "hour",
    by: By = "",
) -> Response:
    """How many answers were ok, degraded and none, by time; probes left out.

    Of the last 24 hours unless it is said. `by`: strategy_name, objective_type, source, replica.
    """
    with reading(request, workspace_id):
        found = service_of(request).kb.event_rates(workspace_id, since, until, bucket, listed(by))
    return table_response(found)


@router.get("/kb/events/rejections", **documented(TABLE))
def rejections(
    request: Request,
    workspace_id: Workspace = "default",
    since: Since = None,
    until: Until = None,
    bucket: Literal["hour", "day", "all"] = "all",
    by: By = "strategy_name,filter",
) -> Response:
    """What strict filters turned away, and whom a change of one alone would have helped."""
    with reading(request, workspace_id):
        found = service_of(request).kb.rejections(workspace_id, since, until, bucket, listed(by))
    return table_response(found)


@router.get("/kb/events/{request_id:path}", **documented(EVENT))
def event(
    request: Request,
    request_id: Annotated[str, Path(min_length=1, max_length=64)],
    workspace_id: Workspace = "default",
    at: At = None,
) -> Response:
    """One recorded answer; asked again under one id, the newest of them."""
    with reading(request, workspace_id):
        found = service_of(request).kb.event(request_id, workspace_id, at)
    return json_response(plain(found))


@router.get("/kb/changes", **documented(TABLE))
def changes(
    request: Request,
    workspace_id: Workspace = "default",
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
) -> Response:
    """What was done that may alter answers, newest first: what changed before it broke?"""
    with reading(request, workspace_id):
        found = service_of(request).kb.recent_changes(workspace_id, since, until, limit)
    return _of_machines(found)


@router.get("/kb/breakers", **documented(TABLE))
def breakers(request: Request) -> Response:
    """The circuit breakers of every replica that lives, as it last said."""
    with reading(request, None):
        return _of_machines(service_of(request).kb.breakers())


@router.get("/kb/breakers/changes", **documented(TABLE))
def breaker_changes(
    request: Request, since: Since = None, until: Until = None, limit: Limit = 1000
) -> Response:
    """What the circuit breakers of all replicas did, newest first."""
    with reading(request, None):
        return _of_machines(service_of(request).kb.breaker_changes(since, until, limit))


@router.get("/kb/problems", **documented(PROBLEMS))
def problems(request: Request, workspace_id: Workspace = "default") -> Response:
    """What is wrong now, most severe first: since when, why, and which runbook treats it.

    Answers while the database is away, too, and says so.
    """
    with reading(request, workspace_id):
        form: dict[str, Any] = plain(service_of(request).kb.problems(workspace_id).to_dict())
    for problem in form["open"]:
        problem["evidence"] = without_machines(problem["evidence"])
    return json_response(form)


@router.get("/kb/freshness", **documented(FRESHNESS))
def freshness(request: Request, workspace_id: Workspace = "default") -> Response:
    """When the workspace was last fed, calibrated, backed up and asked."""
    with reading(request, workspace_id):
        return report_response(service_of(request).kb.freshness(workspace_id))


def _of_machines(frame: pl.DataFrame) -> Response:
    """A table in which errors, files and settings are told of."""
    found = table(frame)
    return json_response({**found, "rows": without_machines(found["rows"])})
