"""The OpenAPI document: what requests and answers of each route look like.

Answers are encoded by the routes themselves, so their forms are stated here; tests compare them
with what is really answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from tradingkb.plain import COLUMN_TYPES, JSON_COLUMN
from tradingkb.service.bodies import RecommendBody, RegimeBody
from tradingkb.service.problems import MEDIA_TYPE

Schema = dict[str, Any]


def _object(properties: Mapping[str, Schema], *, closed: bool = False) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        **({"additionalProperties": False} if closed else {}),
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT: Final[Schema] = {"type": "string"}
_BOOL: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Schema] = {"type": "number"}
_ANY: Final[Schema] = {"type": "object"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_STATUS: Final[Schema] = {"type": "string", "enum": ["ok", "degraded", "none"]}

PROBLEM: Final = _object(
    {
        "type": TEXT,
        "title": TEXT,
        "status": _COUNT,
        "detail": TEXT,
        "code": TEXT,
        "remedy": _or_null(TEXT),
        "request_id": TEXT,
    }
) | {"description": "What is wrong, by RFC 9457; `field` and `row` (from 1) where known."}

_BREAKER: Final = _object(
    {
        "failures": _COUNT,
        "is_open": _BOOL,
        "state": {"type": "string", "enum": ["closed", "open", "half_open"]},
        "in_use": _BOOL,
        "open_since": _or_null(_TIME),
        "last_error": _or_null(TEXT),
    }
)
HEALTH: Final = _object(
    {
        "status": {"type": "string", "enum": ["ok", "degraded", "starting", "draining"]},
        "version": TEXT,
        "replica": TEXT,
        "embed_model": TEXT,
        "active_collection": TEXT,
        "circuit_breakers": {"type": "object", "additionalProperties": _BREAKER},
    }
)
READY: Final = _object(
    {
        "ready": _BOOL,
        "checks": {
            "type": "object",
            "additionalProperties": _object({"ok": _BOOL, "detail": TEXT}),
        },
    }
)
METRICS: Final[Schema] = {"type": "string", "x-media-type": "text/plain"}
ANSWER: Final = _object(
    {
        "request_id": TEXT,
        "at": _TIME,
        "workspace": TEXT,
        "strategy_name": TEXT,
        "objective_type": TEXT,
        "status": _STATUS,
        "params": _or_null(_ANY),
        "confidence": _or_null(_NUMBER),
        "confidence_band": {"type": "string", "enum": ["high", "medium", "low", "none"]},
        "expected": _or_null(_ANY),
        "reasons": _list(TEXT),
        "warnings": _list(TEXT),
        "notes": _list(TEXT),
        "suggested_actions": _list(TEXT),
        "filter_rejections": _list(_ANY),
        "recommended_relaxed_settings": _list(_ANY),
        "strict_to_relaxed": _BOOL,
        "metadata_only": _BOOL,
        "repaired_params": _ANY,
        "timings": _ANY,
    }
)
REGIME: Final = _object(
    {
        "source": TEXT,
        "symbol": _or_null(TEXT),
        "timeframe": _or_null(TEXT),
        "bars": _or_null(_COUNT),
        "features": {"type": "object", "additionalProperties": _or_null(_NUMBER)},
        "tags": _list(TEXT),
        "evidence": _list(_ANY),
        "warnings": _list(TEXT),
    }
)
REPORT: Final = _object({"workspace": TEXT, "dry_run": _BOOL})
JOB: Final = _object(
    {
        "job_id": TEXT,
        "workspace_id": TEXT,
        "kind": TEXT,
        "state": {
            "type": "string",
            "enum": ["queued", "running", "succeeded", "failed", "cancelled"],
        },
        "progress": _object({"done": _COUNT, "total": _or_null(_COUNT)}),
        "attempts": _COUNT,
        "cancel_requested": _BOOL,
        "error": _or_null(TEXT),
        "result": _or_null(_ANY),
    }
)
#: Types of columns by their names, for clients that make frames of rows.
_COLUMNS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "string", "enum": [JSON_COLUMN, *COLUMN_TYPES]},
}
_NEXT: Final = {"next": _or_null(TEXT), "columns": _COLUMNS}
TABLE: Final = _object({"columns": _COLUMNS, "rows": _list(_ANY)})
TRIALS: Final = _object({"trials": _list(_ANY), **_NEXT})
EVENTS: Final = _object({"events": _list(_ANY), **_NEXT})
JOBS: Final = _object({"jobs": _list(_ANY), "next": _or_null(TEXT)})
COUNT: Final = _object({"count": _COUNT})
DENSITY: Final = _object(
    {
        "strategy_name": TEXT,
        "x": TEXT,
        "y": TEXT,
        "n": _COUNT,
        "n_missing": _COUNT,
        "n_outside": _COUNT,
        "rank_correlation": _or_null(_NUMBER),
        "cells": TABLE,
    }
)
GRID: Final = _object(
    {
        "strategy_name": TEXT,
        "objective_type": TEXT,
        "timeframe": _or_null(TEXT),
        "p": _or_null(TEXT),
        "q": _or_null(TEXT),
        "params": _list(TEXT),
        "unit": TEXT,
        "direction": {"type": "string", "enum": ["max", "min"]},
        "n_trials": _COUNT,
        "n_windows": _COUNT,
        "n_sets": _COUNT,
        "cells": TABLE,
    }
)
SPEC: Final = _object({"spec": _or_null(_object({"name": TEXT, "params": _list(_ANY)}))})
OBJECTIVES: Final = _object(
    {
        "objectives": _list(
            _object(
                {
                    "name": TEXT,
                    "direction": {"type": "string", "enum": ["max", "min"]},
                    "unit": TEXT,
                    "description": TEXT,
                    "break_even": _or_null(_NUMBER),
                    "idle": _or_null(_NUMBER),
                    "low": _or_null(_NUMBER),
                    "high": _or_null(_NUMBER),
                }
            )
        )
    }
)
EVENT: Final = _object({"at": _TIME, "request_id": TEXT, "status": _STATUS})
AGAIN: Final = _object(
    {
        "same": _BOOL,
        "differences": _list(_object({"field": TEXT})),
        "then": EVENT,
        "now": ANSWER,
    }
)
PROBLEMS: Final = _object(
    {
        "workspace": TEXT,
        "at": _TIME,
        "healthy": _BOOL,
        "open": _list(
            _object(
                {
                    "code": TEXT,
                    "severity": {"type": "string", "enum": ["critical", "warning", "info"]},
                    "title": TEXT,
                    "since": _or_null(_TIME),
                    "evidence": _ANY,
                    "what_to_do": TEXT,
                    "runbook": TEXT,
                    "parameters": _ANY,
                }
            )
        ),
    }
)
FRESHNESS: Final = _object(
    {
        "workspace": TEXT,
        "at": _TIME,
        "last_ingest": _or_null(_TIME),
        "last_calibration": _or_null(_TIME),
        "last_backup": _or_null(_TIME),
        "last_event": _or_null(_TIME),
        "newest_trial": _or_null(_TIME),
    }
)
SUMMARY: Final = _object(
    {
        "hours": _NUMBER,
        "total": _object({"ok": _COUNT, "degraded": _COUNT, "none": _COUNT}),
        "by_strategy": _list(
            _object({"strategy_name": TEXT, "objective_type": TEXT, "status": _STATUS})
        ),
    }
)


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
    return {**_json(model), "multipart/form-data": {"schema": _object(fields)}}


RECOMMEND_REQUEST: Final = _json_or_upload(RecommendBody)
REGIME_REQUEST: Final = _json_or_upload(RegimeBody)
