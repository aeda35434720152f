"""What programs and dashboards ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tradingkb.exceptions import DeadlineExceededError, InvalidInputError, InvalidOHLCVError
from tradingkb.plain import plain
from tradingkb.ports import patience
from tradingkb.service.arriving import Arrived, JsonOrForm
from tradingkb.service.bars import bounded, few_cells, frame_in, frame_of
from tradingkb.service.bodies import RecommendBody, RegimeBody, parsed
from tradingkb.service.documents import RECOMMEND_REQUEST, REGIME_REQUEST, documented
from tradingkb.service.encoding import json_response
from tradingkb.service.forms import AGAIN, ANSWER, REGIME
from tradingkb.service.gate import admitted, known_query, require_token
from tradingkb.service.problems import ProblemError
from tradingkb.service.routes.parameters import At, Workspace
from tradingkb.service.state import asked_of, service_of
from tradingkb.service.wording import as_requests

router = APIRouter(tags=["questions"], dependencies=[Depends(require_token), Depends(known_query)])

#: Tables of an answer: fifty kilobytes that few callers read.
_TABLES: Final = ("evidence", "trials")


@router.post("/kb/trials/recommend", **documented(ANSWER, request=RECOMMEND_REQUEST))
def recommend(
    request: Request,
    arrived: JsonOrForm,
    mode: Literal["full", "debug"] = "full",
    include: Annotated[
        str, Query(max_length=64, description="evidence, trials or both, with a comma.")
    ] = "",
) -> Response:
    """Which parameters have the evidence behind them, and how far to trust them."""
    body = parsed(RecommendBody, arrived.json)
    wanted = _TABLES if mode == "debug" else _included(include)
    with (
        patience(_time_left(request, body.deadline_s)),
        admitted(request, body.workspace_id),
        _turn(request, body.deadline_s),
    ):
        answer = service_of(request).kb.recommend(
            body.strategy_name, **_arguments(request, body, arrived), mode=mode
        )
        form = answer.to_dict(without=[name for name in _TABLES if name not in wanted])
        return json_response(_worded(form))


@router.post("/kb/events/{request_id:path}/again", **documented(AGAIN))
def again(
    request: Request,
    request_id: Annotated[str, Path(min_length=1, max_length=64)],
    workspace_id: Workspace = "default",
    at: At = None,
) -> Response:
    """A recorded question asked again with what was knowable then; nothing is recorded."""
    with (
        patience(_time_left(request, None)),
        admitted(request, workspace_id),
        _turn(request, None),
    ):
        found = service_of(request).kb.answer_again(request_id, workspace_id, at)
        form: dict[str, Any] = plain(found.to_dict())
        return json_response({**form, "now": _worded(form["now"])})


def _worded(form: dict[str, Any]) -> dict[str, Any]:
    """An answer whose words are those of HTTP."""
    worded = {name: list(map(as_requests, form[name])) for name in ("suggested_actions", "notes")}
    return {**form, **worded}


@router.post("/kb/regime", **documented(REGIME, request=REGIME_REQUEST))
def regime(request: Request, arrived: JsonOrForm) -> Response:
    """The regime of the last bars: features, tags and the evidence for each tag."""
    body = parsed(RegimeBody, arrived.json)
    named = arrived.upload.series if arrived.upload else (None, None)
    with admitted(request, body.workspace_id):
        bars = _bars(body, arrived, service_of(request).settings.max_rows)
        if bars is None:
            raise InvalidOHLCVError(
                "there are no bars", field="ohlcv", remedy="upload a file, or give them as JSON"
            )
        found = service_of(request).kb.regime(
            bars, body.timeframe or named[1], body.symbol or named[0]
        )
    return json_response(plain(found))


@contextmanager
def _turn(request: Request, wanted: float | None) -> Iterator[None]:
    """Waits for one's turn, as long as an answer is still wanted."""
    turns = service_of(request).turns
    if not turns.acquire(timeout=_time_left(request, wanted)):
        raise _late()
    try:
        yield
    finally:
        turns.release()


def _arguments(request: Request, body: RecommendBody, arrived: Arrived) -> dict[str, Any]:
    settings, asked = service_of(request).settings, asked_of(request)
    if body.own_trials is not None:
        bounded(len(body.own_trials), settings.max_rows, "own_trials")
        few_cells(body.own_trials, "own_trials")
    named = arrived.upload.series if arrived.upload else (None, None)
    return {
        **body.model_dump(exclude={"workspace_id", "strategy_name", "ohlcv", "source"}),
        "workspace": body.workspace_id,
        "ohlcv": _bars(body, arrived, settings.max_rows),
        "symbol": body.symbol or named[0],
        "timeframe": body.timeframe or named[1],
        "caller": body.source,
        "request_id": asked.request_id,
        "deadline_s": _time_left(request, body.deadline_s),
    }


def _bars(body: RecommendBody | RegimeBody, arrived: Arrived, most: int) -> Any:
    if arrived.upload is None:
        return None if body.ohlcv is None else frame_of(body.ohlcv, most)
    if body.ohlcv is not None:
        raise InvalidInputError(
            "bars are given twice", field="ohlcv", remedy="upload a file, or give them as JSON"
        )
    return frame_in(arrived.upload, most)


def _time_left(request: Request, wanted: float | None) -> float:
    """Seconds that are left of the time to answer, which began when the request arrived."""
    service, asked = service_of(request), asked_of(request)
    most = service.settings.recommend_deadline_s
    left = min(wanted or most, most) - (service.monotonic() - asked.arrived_s)
    if left <= 0:
        raise _late()
    return left


def _late() -> DeadlineExceededError:
    return DeadlineExceededError("the answer was not begun in time: the service is busy")


def _included(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in _TABLES:
            raise ProblemError(
                422,
                "invalid_query",
                f"{name!r} is nothing to include",
                remedy=f"use {' or '.join(_TABLES)}",
                field="include",
            )
    return names
