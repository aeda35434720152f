"""The forms of answers about runbooks in the OpenAPI document."""

from __future__ import annotations

from typing import Final

from tradingkb.service.schemas import (
    ANY,
    BOOL,
    NATURAL,
    NEXT,
    TEXT,
    TIME,
    list_of,
    object_of,
    or_null,
)

RUNBOOKS: Final = object_of(
    {
        "runbooks": list_of(
            object_of(
                {
                    **dict.fromkeys(("name", "title", "purpose", "when", "changes", "undo"), TEXT),
                    "alerts": list_of(TEXT),
                    "destructive": BOOL,
                    "deadline_s": NATURAL,
                    "version": TEXT,
                    "parameters": list_of(
                        object_of(
                            {
                                "name": TEXT,
                                "type": TEXT,
                                "kind": TEXT,
                                "optional": BOOL,
                                "default": {},
                                "required": BOOL,
                                "choices": list_of({}),
                                "meaning": TEXT,
                            }
                        )
                    ),
                }
            )
        )
    }
)
RUNS: Final = object_of({"runs": list_of(ANY), **NEXT})
RUN: Final = object_of(
    {
        "run_id": TEXT,
        "runbook": TEXT,
        "version": TEXT,
        "workspace": TEXT,
        "parameters": ANY,
        "dry_run": BOOL,
        "actor": TEXT,
        "schedule": or_null(TEXT),
        "slot": or_null(TIME),
        "state": {"type": "string", "enum": ["starting", "running", "ended", "lost"]},
        "outcome": or_null(
            {"type": "string", "enum": ["done", "nothing_to_do", "needs_decision", "failed"]}
        ),
        "progress": object_of({"done": NATURAL, "total": NATURAL}),
        "cell": or_null(TEXT),
        "error": or_null(TEXT),
        "started_at": TIME,
        "heartbeat_at": TIME,
        "ended_at": or_null(TIME),
        "result": or_null(ANY),
        "notebook": or_null(TEXT),
        "report": or_null(TEXT),
    }
)
