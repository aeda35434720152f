"""Runbooks: operating procedures as notebooks that check, plan, act and say what they did.

`book` is what the cells of a notebook call, and what everybody reads of one; `procedures` holds
what the cells do; `running` executes and records them; `schedule` does so when they are due.
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
from tradingkb.runbooks.schedule import (
    Schedule,
    ScheduleFile,
    Scheduler,
    crontab,
    parameters_check,
    read_schedules,
    run_scheduler,
    scheduler_of,
    slots,
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
    "Schedule",
    "ScheduleFile",
    "Scheduler",
    "asked_for",
    "begin",
    "crontab",
    "output_folder",
    "parameters_check",
    "read_report",
    "read_schedules",
    "run_runbook",
    "run_scheduler",
    "runbook",
    "runbooks",
    "scheduler_of",
    "settings_environment",
    "slots",
    "start_runbook",
    "table",
]
