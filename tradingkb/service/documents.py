"""The OpenAPI document: what requests and answers of each route look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from tradingkb.service.bodies import RecommendBody, RegimeBody
from tradingkb.service.forms import PROBLEM, READY
from tradingkb.service.problems import MEDIA_TYPE
from tradingkb.service.schemas import Schema, object_of


def documented(
    answer: Schema,
    *,
    request: type[BaseModel] | Schema | None = None,
    status: int = 200,
    also: Mapping[int, Schema] | None = None,
) -> dict[str, Any]:
    """Arguments of a route that say what it takes and answers; whatever else it says is a problem.

    Args:
        answer: the form of the usual answer.
        request: the form of the body, or its content by media type.
        status: of the usual answer.
        also: forms of other answers by status.
    """
    answers = {status: answer, **(also or {}), **({503: READY} if answer is READY else {})}
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": _MEANINGS[code], "content": {_media(form): {"schema": form}}}
        for code, form in answers.items()
    }
    responses["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": PROBLEM}},
    }
    found: dict[str, Any] = {"responses": responses}
    if request is not None:
        content = request if isinstance(request, dict) else _json(request)
        found["openapi_extra"] = {"requestBody": {"required": True, "content": content}}
    return found


_MEANINGS: Final = {200: "Done", 202: "Accepted: the job that does it", 503: "Not ready"}


def _media(form: Schema) -> str:
    return str(form.get("x-media-type", "application/json"))


def _json(model: type[BaseModel]) -> Schema:
    return {"application/json": {"schema": model.model_json_schema()}}


def _json_or_upload(model: type[BaseModel]) -> Schema:
    file = "Price bars: a .parquet or .csv file, best named AAPL_1d.csv."
    fields = {
        "request": {"type": "string", "description": "The JSON of the other form."},
        "ohlcv": {"type": "string", "format": "binary", "description": file},
    }
    return {**_json(model), "multipart/form-data": {"schema": object_of(fields)}}


RECOMMEND_REQUEST: Final = _json_or_upload(RecommendBody)
REGIME_REQUEST: Final = _json_or_upload(RegimeBody)
