"""What is known of strategies and their trials, and of the workspaces that hold them."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tradingkb.domain import objectives
from tradingkb.plain import plain
from tradingkb.service.documents import documented
from tradingkb.service.encoding import cells_response, json_response, table_response
from tradingkb.service.forms import COUNT, DENSITY, GRID, OBJECTIVES, SPEC, TABLE
from tradingkb.service.gate import known_query, owned, reading, require_token
from tradingkb.service.routes.naming import By, trial_named
from tradingkb.service.routes.parameters import Limit, Name, Selected, Text, Workspace
from tradingkb.service.state import service_of

router = APIRouter(tags=["trials"], dependencies=[Depends(require_token), Depends(known_query)])

Named = Annotated[str, Path(min_length=1, max_length=255)]


@router.get("/kb/trials/count", **documented(COUNT))
def count(request: Request, selected: Annotated[Selected, Depends()]) -> Response:
    """How many trials GET /kb/trials lists, counted up to 100,000, which means "or more"."""
    with reading(request, selected.workspace_id):
        n = service_of(request).kb.trial_count(
            selected.workspace_id, selected.where, selected.bounds
        )
    return json_response({"count": n})


@router.get("/kb/trials/density", **documented(DENSITY))
def density(
    request: Request,
    strategy_name: Name,
    workspace_id: Workspace = "default",
    x: Name = "sharpe_is",
    y: Name = "sharpe_oos",
    bins: Annotated[int, Query(ge=1, le=200, description="Fields along each axis.")] = 40,
) -> Response:
    """How two metrics of a strategy's trials lie together."""
    with reading(request, workspace_id):
        found = service_of(request).kb.trial_density(workspace_id, strategy_name, x, y, bins)
    return cells_response(found)


@router.get("/kb/trials/grid", **documented(GRID))
def grid(
    request: Request,
    strategy_name: Name,
    workspace_id: Workspace = "default",
    p: Text = None,
    q: Text = None,
    objective_type: Name = "sharpe",
    timeframe: Text = None,
) -> Response:
    """What a strategy earned over two of its parameters; without names the two that vary most."""
    with reading(request, workspace_id):
        found = service_of(request).kb.param_grid(
            workspace_id, strategy_name, p, q, objective_type, timeframe
        )
    return cells_response(found)


@router.get("/kb/trials/{trial_id:path}/history", **documented(TABLE))
def history(
    request: Request,
    trial_id: Named,
    workspace_id: Workspace = "default",
    by: By = "trial_id",
    limit: Limit = 100,
) -> Response:
    """Changes of a trial's standing, newest first: who, when, from what to what, and why."""
    named = trial_named(trial_id, by)
    with reading(request, workspace_id):
        found = service_of(request).kb.history([named], workspace=workspace_id, limit=limit)
    return table_response(found)


@router.get("/kb/strategies", **documented(TABLE))
def strategies(request: Request, workspace_id: Workspace = "default") -> Response:
    """Strategies with trials or a spec."""
    with reading(request, workspace_id):
        return table_response(service_of(request).kb.strategies(workspace_id))


@router.get("/kb/strategies/{name:path}", **documented(SPEC))
def strategy(request: Request, name: Named, workspace_id: Workspace = "default") -> Response:
    """The spec of a strategy, the version registered last; null where there is none."""
    with reading(request, workspace_id):
        spec = service_of(request).kb.strategy(name, workspace_id)
    return json_response({"spec": None if spec is None else plain(spec.to_dict())})


@router.get("/kb/workspaces", **documented(TABLE))
def workspaces(request: Request) -> Response:
    """The workspaces that may be asked about."""
    with reading(request, None):
        found = service_of(request).kb.workspaces()
    own = owned(request)
    if own is not None:
        names = list(own)
        found = found.filter(pl.col("id").is_in(names) | pl.col("slug").is_in(names))
    return table_response(found)


@router.get("/kb/objectives", **documented(OBJECTIVES))
def known_objectives(request: Request) -> Response:
    """What parameters may be asked to be good at."""
    with reading(request, None):
        return json_response({"objectives": [one.to_dict() for one in objectives()]})
