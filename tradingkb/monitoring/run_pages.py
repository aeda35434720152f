"""Runs of runbooks as they are told to whoever looks: page by page, and nothing of machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from tradingkb.masking import without_machines
from tradingkb.monitoring.pages import Page, no_place
from tradingkb.plain import time_text

#: Facts of actions that come from what was met. How to undo one is a command, which stays whole.
_MET: Final = ("what", "expected", "actual", "differs", "error")
#: Texts of runs that tell of what was met.
_ERRORS: Final = ("error", "cell")
Runs = Callable[..., pl.DataFrame]


def run_page(
    runs: Runs, workspaces: Iterable[str], runbook: str | None, limit: int, after: str | None
) -> Page:
    """Runs of one workspace, newest first; without their results.

    Args:
        runs: `KnowledgeBase.runbook_runs`.
        workspaces: every name of the workspace: runs hold the one that they were given.
        runbook: whole name of one; None for all.
        limit: most rows, up to 1000.
        after: `next` of the page before.

    Raises:
        InvalidInputError: what is no number of rows or no place.
    """
    before = _place(after)
    found = [runs(runbook, limit, name, before=before) for name in dict.fromkeys(workspaces)]
    rows = pl.concat(found).drop("result")
    rows = rows.sort(["started_at", "run_id"], descending=True).head(limit)
    rows = rows.with_columns(_without_machines(rows[name]) for name in _ERRORS)
    if rows.height < limit:
        return Page(rows, None)
    last = rows.row(-1, named=True)
    return Page(rows, f"{time_text(last['started_at'])}~{last['run_id']}")


def told_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run with no path, host or account in what it met.

    What it was given and what it says to do stays whole: forms are filled with it, and commands are
    copied from it.

    Args:
        run: `KnowledgeBase.runbook_run()`.
    """
    told = {**run, **{name: without_machines(run[name]) for name in _ERRORS}}
    if (result := run["result"]) is not None:
        actions = [_told_action(one) for one in result.get("actions", ())]
        findings = without_machines(result.get("findings", []))
        told["result"] = {**result, "findings": findings, "actions": actions}
    return told


def _without_machines(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, list(map(without_machines, texts)), pl.String)


def _told_action(action: Mapping[str, Any]) -> dict[str, Any]:
    return {name: without_machines(v) if name in _MET else v for name, v in action.items()}


def _place(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    at, _, run_id = after.partition("~")
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC), run_id
    except ValueError:
        raise no_place(after) from None
