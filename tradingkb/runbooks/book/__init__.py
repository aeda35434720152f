"""What a runbook is, and what its cells call."""

from __future__ import annotations

from tradingkb.runbooks.book.asked import asked_for
from tradingkb.runbooks.book.catalogue import Runbook, runbook, runbooks
from tradingkb.runbooks.book.parameters import Parameter
from tradingkb.runbooks.book.result import (
    MIMETYPE,
    RESULT_SCHEMA,
    Action,
    Finding,
    NextStep,
    Result,
)
from tradingkb.runbooks.book.run import Run, RunbookFailedError, begin
from tradingkb.runbooks.book.shell import command_line, quoted
from tradingkb.runbooks.book.shown import table

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
    "asked_for",
    "begin",
    "command_line",
    "quoted",
    "runbook",
    "runbooks",
    "table",
]
