"""The forms of answers in the OpenAPI document.

Answers are encoded by the routes themselves, so their forms are stated here; tests compare them
with what is really answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.plain import COLUMN_TYPES, JSON_COLUMN

Schema = dict[str, Any]


def object_of(properties: Mapping[str, Schema], *, closed: bool = False) -> Schema:
    """A JSON object with these properties."""
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

PROBLEM: Final = object_of(
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

_BREAKER: Final = object_of(
    {
        "failures": _COUNT,
        "is_open": _BOOL,
        "state": {"type": "string", "enum": ["closed", "open", "half_open"]},
        "in_use": _BOOL,
        "open_since": _or_null(_TIME),
        "last_error": _or_null(TEXT),
    }
)
HEALTH: Final = object_of(
    {
        "status": {"type": "string", "enum": ["ok", "degraded", "starting", "draining"]},
        "version": TEXT,
        "replica": TEXT,
        "embed_model": TEXT,
        "active_collection": TEXT,
        "circuit_breakers": {"type": "object", "additionalProperties": _BREAKER},
    }
)
READY: Final = object_of(
    {
        "ready": _BOOL,
        "checks": {
            "type": "object",
            "additionalProperties": object_of({"ok": _BOOL, "detail": TEXT}),
        },
    }
)
METRICS: Final[Schema] = {"type": "string", "x-media-type": "text/plain"}
HTML: Final[Schema] = {"type": "string", "x-media-type": "text/html"}
ANSWER: Final = object_of(
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
REGIME: Final = object_of(
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
REPORT: Final = object_of({"workspace": TEXT, "dry_run": _BOOL})
JOB: Final = object_of(
    {
        "job_id": TEXT,
        "workspace_id": TEXT,
        "kind": TEXT,
        "state": {
            "type": "string",
            "enum": ["queued", "running", "succeeded", "failed", "cancelled"],
        },
        "progress": object_of({"done": _COUNT, "total": _or_null(_COUNT)}),
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
TABLE: Final = object_of({"columns": _COLUMNS, "rows": _list(_ANY)})
TRIALS: Final = object_of({"trials": _list(_ANY), **_NEXT})
EVENTS: Final = object_of({"events": _list(_ANY), **_NEXT})
JOBS: Final = object_of({"jobs": _list(_ANY), "next": _or_null(TEXT)})
COUNT: Final = object_of({"count": _COUNT})
DENSITY: Final = object_of(
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
GRID: Final = object_of(
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
SPEC: Final = object_of({"spec": _or_null(object_of({"name": TEXT, "params": _list(_ANY)}))})
OBJECTIVES: Final = object_of(
    {
        "objectives": _list(
            object_of(
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
EVENT: Final = object_of({"at": _TIME, "request_id": TEXT, "status": _STATUS})
AGAIN: Final = object_of(
    {
        "same": _BOOL,
        "differences": _list(object_of({"field": TEXT})),
        "then": EVENT,
        "now": ANSWER,
    }
)
PROBLEMS: Final = object_of(
    {
        "workspace": TEXT,
        "at": _TIME,
        "healthy": _BOOL,
        "open": _list(
            object_of(
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
FRESHNESS: Final = object_of(
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
SUMMARY: Final = object_of(
    {
        "hours": _NUMBER,
        "total": object_of({"ok": _COUNT, "degraded": _COUNT, "none": _COUNT}),
        "by_strategy": _list(
            object_of({"strategy_name": TEXT, "objective_type": TEXT, "status": _STATUS})
        ),
    }
)
RUNBOOKS: Final = object_of(
    {
        "runbooks": _list(
            object_of(
                {
                    **dict.fromkeys(("name", "title", "purpose", "when", "changes", "undo"), TEXT),
                    "alerts": _list(TEXT),
                    "destructive": _BOOL,
                    "deadline_s": _COUNT,
                    "version": TEXT,
                    "parameters": _list(
                        object_of(
                            {
                                "name": TEXT,
                                "type": TEXT,
                                "kind": TEXT,
                                "optional": _BOOL,
                                "default": {},
                                "required": _BOOL,
                                "choices": _list({}),
                                "meaning": TEXT,
                            }
                        )
                    ),
                }
            )
        )
    }
)
RUNS: Final = object_of({"runs": _list(_ANY), **_NEXT})
RUN: Final = object_of(
    {
        "run_id": TEXT,
        "runbook": TEXT,
        "version": TEXT,
        "workspace": TEXT,
        "parameters": _ANY,
        "dry_run": _BOOL,
        "actor": TEXT,
        "schedule": _or_null(TEXT),
        "slot": _or_null(_TIME),
        "state": {"type": "string", "enum": ["starting", "running", "ended", "lost"]},
        "outcome": _or_null(
            {"type": "string", "enum": ["done", "nothing_to_do", "needs_decision", "failed"]}
        ),
        "progress": object_of({"done": _COUNT, "total": _COUNT}),
        "cell": _or_null(TEXT),
        "error": _or_null(TEXT),
        "started_at": _TIME,
        "heartbeat_at": _TIME,
        "ended_at": _or_null(_TIME),
        "result": _or_null(_ANY),
        "notebook": _or_null(TEXT),
        "report": _or_null(TEXT),
    }
)
