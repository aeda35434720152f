"""Runbooks: operating procedures as notebooks that check, plan, act and say what they did.

`book` is what the cells of a notebook call, and what everybody reads of one; `procedures` holds
what the cells do.
"""

from __future__ import annotations

from tradingkb.runbooks.book import (
    MIMETYPE,
    RESULT_SCHEMA,
    Action,
    Finding,
    NextStep,
    Parameter,
    Result,
    Run,
    Runbook,
    RunbookFailedError,
    begin,
    runbook,
    runbooks,
    table,
)

__all__ = [
    "MIMETYPE",
    "RESULT_SCHEMA",
    "Action",
    "Finding",
    "NextStep",
    "Parameter",
    "Result",
    "Run",
    "Runbook",
    "RunbookFailedError",
    "begin",
    "runbook",
    "runbooks",
    "table",
]
