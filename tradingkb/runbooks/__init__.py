"""Runbooks: operating procedures as notebooks that check, plan, act and say what they did.

`book` is what the cells of a notebook call, and what everybody reads of one; `procedures` holds
what the cells do; `running` executes and records them.
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
    asked_for,
    begin,
    runbook,
    runbooks,
    table,
)
from tradingkb.runbooks.running import (
    CellAt,
    output_folder,
    read_report,
    run_runbook,
    settings_environment,
    start_runbook,
)

__all__ = [
    "MIMETYPE",
    "RESULT_SCHEMA",
    "Action",
    "CellAt",
    "Finding",
    "NextStep",
    "Parameter",
    "Result",
    "Run",
    "Runbook",
    "RunbookFailedError",
    "asked_for",
    "begin",
    "output_folder",
    "read_report",
    "run_runbook",
    "runbook",
    "runbooks",
    "settings_environment",
    "start_runbook",
    "table",
]
