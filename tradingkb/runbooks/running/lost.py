"""The end of a run whose runner died: killed, or gone with its machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from tradingkb.observability import emit
from tradingkb.ports import RunbookRun, RunbookStore
from tradingkb.runbooks.running.telling import tell_of_failure
from tradingkb.settings import Settings
from tradingkb.upkeep import run_stem

DIED: Final = "its runner died; what it had done is in its notebook, as far as it was saved"


def end_lost(settings: Settings, store: RunbookStore, seen: RunbookRun, now: datetime) -> bool:
    """Ends a run that nobody runs any more, as failed, and tells of it as of any failure.

    Args:
        settings: whom to tell, and where notebooks are kept.
        store: which has its row.
        seen: the run as it was when it was found dead.
        now: aware UTC.

    Returns:
        Whether it was ended; False where another was faster, or where it has been heard of since.

    Raises:
        BackendUnavailableError: the store does not answer; nobody was told.
    """
    # Its runner wrote the name into the row only at the end.
    name = f"{run_stem(seen.runbook, seen.started_at, seen.run_id)}.ipynb"
    notebook = name if (settings.runbook_folder / name).is_file() else None
    if not store.end_lost_run(seen, now, DIED, notebook):
        return False
    run = replace(
        seen, state="ended", outcome="failed", error=DIED, ended_at=now, notebook=notebook
    )
    emit(
        "runbook_complete",
        run_id=run.run_id,
        runbook=run.runbook,
        outcome=run.outcome,
        ms=round((now - run.started_at).total_seconds() * 1000),
        schedule=run.schedule,
        error=run.error,
    )
    if untold := tell_of_failure(settings.runbook_on_failure, run.to_dict()):
        store.note_runbook_run(run.run_id, str(run.with_error(untold).error))
    return True
