"""The report of a run, read where its runs leave their files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tradingkb.exceptions import NotFoundError
from tradingkb.runbooks.running.environment import output_folder
from tradingkb.settings import Settings


def read_report(settings: Settings, run: Mapping[str, Any]) -> str:
    """The HTML report of a run.

    Args:
        settings: those in force.
        run: as of `KnowledgeBase.runbook_run()`.

    Raises:
        NotFoundError: the run left none, or not on this machine.
    """
    folder = output_folder(settings).resolve()
    if run["report"] is not None:
        path = (folder / str(run["report"])).resolve()
        with suppress(OSError):
            if path.is_relative_to(folder):
                return path.read_text(encoding="utf-8")
    raise NotFoundError(
        "report of run",
        run["run_id"],
        None,
        remedy="a run that could not start has none, a pruned one no more, and another machine "
        "keeps its own unless TRADINGKB_RUNBOOK_OUTPUT names one folder for all",
    )
