"""One run from its first file to its last word."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradingkb.plain import plain
from tradingkb.ports import RunbookRun
from tradingkb.presentation import runbook_report
from tradingkb.runbooks.book import MIMETYPE
from tradingkb.runbooks.running.asking import Checked
from tradingkb.runbooks.running.ending import as_json, outcome_of_run, result_of, short, storable
from tradingkb.runbooks.running.environment import RUN_ID, output_folder, settings_environment
from tradingkb.runbooks.running.files import RunFiles
from tradingkb.runbooks.running.places import injected
from tradingkb.runbooks.running.record import Record
from tradingkb.runbooks.running.telling import tell_of_failure
from tradingkb.settings import Settings

if TYPE_CHECKING:
    from tradingkb.runbooks.running.cells import Cells


class Making:
    """Runs what was checked, and ends its row whatever happens."""

    def __init__(
        self, settings: Settings, what: Checked, record: Record, clock: Callable[[], datetime]
    ) -> None:
        """Takes a run that has its row."""
        self._settings, self._what, self._record, self._clock = settings, what, record, clock
        run = record.run
        folder = output_folder(settings)
        self._files = RunFiles(folder, run.runbook, run.started_at, run.run_id)
        self._notebook: Any = {"cells": []}
        self._interrupted = False

    def ended(
        self, stop: threading.Event | None, grace_s: float, monotonic: Callable[[], float]
    ) -> RunbookRun:
        """Runs it, and says what came of it.

        Raises:
            KeyboardInterrupt: after that.
        """
        try:
            run = self._closed(*self._executed(stop, grace_s, monotonic))
        except KeyboardInterrupt:
            if not self._record.run.ended:  # else it was somebody being told that took too long
                self._closed("interrupted", None)
            raise
        except Exception as error:  # of this program: the row must not stay open
            run = self._closed(f"{type(error).__name__}: {error}", None)
        if self._interrupted:
            raise KeyboardInterrupt
        return run

    def _executed(
        self, stop: threading.Event | None, grace_s: float, monotonic: Callable[[], float]
    ) -> tuple[str | None, Cells | None]:
        """Why it was ended from outside, and its cells as they are then."""
        from tradingkb.runbooks.running.cells import Cells
        from tradingkb.runbooks.running.execution import Execution
        from tradingkb.runbooks.running.kernel import Kernel

        self._notebook = _prepared(self._what)
        if not self._save(self._notebook):  # before anything is done that nobody could read about
            return "nothing was executed", None
        execution = Execution(
            Kernel({**settings_environment(self._settings), RUN_ID: self._record.run.run_id}),
            deadline_s=self._record.run.deadline_s,
            beat=self._record.beat,
            stop=stop,
            grace_s=grace_s,
            monotonic=monotonic,
        )
        secrets = self._what.secrets
        cells = Cells(self._notebook, secrets=secrets, save=self._save, tell=execution.tell)
        why = execution.run(cells)
        self._interrupted = execution.interrupted
        cells.end(secrets.masked(why) if why else None)
        return why, cells

    def _save(self, notebook: Any) -> bool:
        import nbformat

        told = nbformat.from_dict(self._without_secrets(notebook))  # type: ignore[no-untyped-call]
        text: str = nbformat.writes(told)  # type: ignore[no-untyped-call]
        return self._files.write(".ipynb", text)

    def _without_secrets(self, notebook: Any) -> dict[str, Any]:
        """The notebook as it may be read; what is executed has them where they were put in."""
        of = self._what.secrets.of
        cells = [of(cell) if injected(cell) else cell for cell in notebook.cells]
        return {**notebook, "cells": cells, "metadata": of(notebook.metadata)}

    def _closed(self, why: str | None, cells: Cells | None) -> RunbookRun:
        """Writes result, report and row, and tells of a failure."""
        result = result_of(self._notebook["cells"])
        at, failure = (None, None) if cells is None else (cells.at, cells.failure)
        outcome, error = outcome_of_run(result, why, failure, at)
        now = self._clock()
        run = replace(
            self._record.run,
            state="ended",
            outcome=outcome,
            error=self._what.secrets.masked(error) if error else None,
            ended_at=now,
            heartbeat_at=now,
            result=None if result is None else storable(plain(result.model_dump())),
        )
        run = self._record.end(self._filed(self._reported(self._troubled(run))))
        if run.outcome == "failed":
            untold = tell_of_failure(self._settings.runbook_on_failure, run.to_dict())
            run = self._record.note(untold) if untold else run
        return run

    def _reported(self, run: RunbookRun) -> RunbookRun:
        """With its report, or why there is none."""
        try:
            cells = self._notebook["cells"]
            page = runbook_report(self._what.book.title, run.to_dict(), cells, hidden=MIMETYPE)
        except Exception as error:  # what was done stays done, whatever cannot be drawn of it
            why = f"the report could not be made: {type(error).__name__}: {error}"
            return run.with_error(short(self._what.secrets.masked(why)))
        self._files.write(".html", page)
        return run

    def _filed(self, run: RunbookRun) -> RunbookRun:
        """With the names of its files, and the result beside them."""
        files = self._files
        run = replace(run, notebook=files.name(".ipynb"), report=files.name(".html"))
        run = self._troubled(run)
        files.write(".json", as_json(run.to_dict()))
        return self._troubled(run)

    def _troubled(self, run: RunbookRun) -> RunbookRun:
        """With what could not be written: then the run has failed."""
        for problem in self._files.problems:
            if problem not in (run.error or ""):
                run = replace(run, outcome="failed").with_error(problem)
        return run


def _prepared(what: Checked) -> Any:
    """The notebook with the values put in, as papermill does it."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(str(what.book.path))
    return parameterize_notebook(
        notebook, dict(what.values), kernel_name="python3", language="python"
    )
