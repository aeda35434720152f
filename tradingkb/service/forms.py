"""The forms of answers in the OpenAPI document.

Answers are encoded by the routes themselves, so their forms are stated here; tests compare them
with what is really answered.
"""

from __future__ import annotations

from typing import Final

from tradingkb.service.schemas import (
    ANY,
    BOOL,
    COLUMNS,
    NATURAL,
    NEXT,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    list_of,
    object_of,
    or_null,
)

_STATUS: Final[Schema] = {"type": "string", "enum": ["ok", "degraded", "none"]}

PROBLEM: Final = object_of(
    {
        "type": TEXT,
        "title": TEXT,
        "status": NATURAL,
        "detail": TEXT,
        "code": TEXT,
        "remedy": or_null(TEXT),
        "request_id": TEXT,
    }
) | {"description": "What is wrong, by RFC 9457; `field` and `row` (from 1) where known."}

_BREAKER: Final = object_of(
    {
        "failures": NATURAL,
        "is_open": BOOL,
        "state": {"type": "string", "enum": ["closed", "open", "half_open"]},
        "in_use": BOOL,
        "open_since": or_null(TIME),
        "last_error": or_null(TEXT),
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
        "ready": BOOL,
        "checks": {
            "type": "object",
            "additionalProperties": object_of({"ok": BOOL, "detail": TEXT}),
        },
    }
)
METRICS: Final[Schema] = {"type": "string", "x-media-type": "text/plain"}
HTML: Final[Schema] = {"type": "string", "x-media-type": "text/html"}
ANSWER: Final = object_of(
    {
        "request_id": TEXT,
        "at": TIME,
        "workspace": TEXT,
        "strategy_name": TEXT,
        "objective_type": TEXT,
        "status": _STATUS,
        "params": or_null(ANY),
        "confidence": or_null(NUMBER),
        "confidence_band": {"type": "string", "enum": ["high", "medium", "low", "none"]},
        "expected": or_null(ANY),
        "reasons": list_of(TEXT),
        "warnings": list_of(TEXT),
        "notes": list_of(TEXT),
        "suggested_actions": list_of(TEXT),
        "filter_rejections": list_of(ANY),
        "recommended_relaxed_settings": list_of(ANY),
        "strict_to_relaxed": BOOL,
        "metadata_only": BOOL,
        "repaired_params": ANY,
        "timings": ANY,
    }
)
REGIME: Final = object_of(
    {
        "source": TEXT,
        "symbol": or_null(TEXT),
        "timeframe": or_null(TEXT),
        "bars": or_null(NATURAL),
        "features": {"type": "object", "additionalProperties": or_null(NUMBER)},
        "tags": list_of(TEXT),
        "evidence": list_of(ANY),
        "warnings": list_of(TEXT),
    }
)
REPORT: Final = object_of({"workspace": TEXT, "dry_run": BOOL})
JOB: Final = object_of(
    {
        "job_id": TEXT,
        "workspace_id": TEXT,
        "kind": TEXT,
        "state": {
            "type": "string",
            "enum": ["queued", "running", "succeeded", "failed", "cancelled"],
        },
        "progress": object_of({"done": NATURAL, "total": or_null(NATURAL)}),
        "attempts": NATURAL,
        "cancel_requested": BOOL,
        "error": or_null(TEXT),
        "result": or_null(ANY),
    }
)
TABLE: Final = object_of({"columns": COLUMNS, "rows": list_of(ANY)})
TRIALS: Final = object_of({"trials": list_of(ANY), **NEXT})
EVENTS: Final = object_of({"events": list_of(ANY), **NEXT})
JOBS: Final = object_of({"jobs": list_of(ANY), "next": or_null(TEXT)})
COUNT: Final = object_of({"count": NATURAL})
DENSITY: Final = object_of(
    {
        "strategy_name": TEXT,
        "x": TEXT,
        "y": TEXT,
        "n": NATURAL,
        "n_missing": NATURAL,
        "n_outside": NATURAL,
        "rank_correlation": or_null(NUMBER),
        "cells": TABLE,
    }
)
GRID: Final = object_of(
    {
        "strategy_name": TEXT,
        "objective_type": TEXT,
        "timeframe": or_null(TEXT),
        "p": or_null(TEXT),
        "q": or_null(TEXT),
        "params": list_of(TEXT),
        "unit": TEXT,
        "direction": {"type": "string", "enum": ["max", "min"]},
        "n_trials": NATURAL,
        "n_windows": NATURAL,
        "n_sets": NATURAL,
        "cells": TABLE,
    }
)
SPEC: Final = object_of({"spec": or_null(object_of({"name": TEXT, "params": list_of(ANY)}))})
OBJECTIVES: Final = object_of(
    {
        "objectives": list_of(
            object_of(
                {
                    "name": TEXT,
                    "direction": {"type": "string", "enum": ["max", "min"]},
                    "unit": TEXT,
                    "description": TEXT,
                    "break_even": or_null(NUMBER),
                    "idle": or_null(NUMBER),
                    "low": or_null(NUMBER),
                    "high": or_null(NUMBER),
                }
            )
        )
    }
)
EVENT: Final = object_of({"at": TIME, "request_id": TEXT, "status": _STATUS})
AGAIN: Final = object_of(
    {
        "same": BOOL,
        "differences": list_of(object_of({"field": TEXT})),
        "then": EVENT,
        "now": ANSWER,
    }
)
PROBLEMS: Final = object_of(
    {
        "workspace": TEXT,
        "at": TIME,
        "healthy": BOOL,
        "open": list_of(
            object_of(
                {
                    "code": TEXT,
                    "severity": {"type": "string", "enum": ["critical", "warning", "info"]},
                    "title": TEXT,
                    "since": or_null(TIME),
                    "evidence": ANY,
                    "what_to_do": TEXT,
                    "runbook": TEXT,
                    "parameters": ANY,
                }
            )
        ),
    }
)
FRESHNESS: Final = object_of(
    {
        "workspace": TEXT,
        "at": TIME,
        "last_ingest": or_null(TIME),
        "last_calibration": or_null(TIME),
        "last_backup": or_null(TIME),
        "last_event": or_null(TIME),
        "newest_trial": or_null(TIME),
    }
)
SUMMARY: Final = object_of(
    {
        "hours": NUMBER,
        "total": object_of({"ok": NATURAL, "degraded": NATURAL, "none": NATURAL}),
        "by_strategy": list_of(
            object_of({"strategy_name": TEXT, "objective_type": TEXT, "status": _STATUS})
        ),
    }
)
