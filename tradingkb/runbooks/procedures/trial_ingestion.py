"""Runbook 06: taking trials in, safely again, and what a failed archive left in the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradingkb.exceptions import BackendUnavailableError
from tradingkb.importers import read_mapping_file
from tradingkb.monitoring import STALE
from tradingkb.presentation import Table
from tradingkb.runbooks.book import Run, quoted
from tradingkb.runbooks.procedures.drawing import bars
from tradingkb.runbooks.procedures.index_state import index_away, verifying

#: What each counter of `kb_ingest_action_total` means.
MEANINGS: Final[Mapping[str, str]] = {
    "inserted": "new trials",
    "updated": "trials whose content changed: embedded again",
    "skipped": "unchanged, by content hash: normal when the same is ingested again",
    "unarchived": "archived trials that come back, embedded again",
    "error": "rows that are refused: each is named with its field and remedy",
}
_SHOWN: Final = 20


@dataclass(frozen=True)
class Before:
    """What is there before an ingest.

    Attributes:
        trials: by their status.
        failed: archived index entries whose point may still be there: trial_id, collection,
            point_id, reason.
    """

    trials: Mapping[str, int]
    failed: Any

    def table(self, when: str = "Before") -> Table:
        """As rows."""
        rows = [{"what": f"{status} trials", "count": n} for status, n in self.trials.items()]
        return Table(
            [*rows, {"what": "archived, with a point left behind", "count": self.failed.height}],
            f"{when} (n = {sum(self.trials.values()):,} trials)",
        )


def looked_at(run: Run) -> Before:
    """What is there; points that a failed archive left behind are a finding."""
    failed = _left_behind(run)
    if failed.height:
        run.find(
            "archived entries have a point left in the vector index: their trials are not "
            "recommended, and the next ingest deletes the points and clears the notes",
            "warning",
            healed_by="ingest",
            entries=failed.height,
            first=failed["reason"][0],
        )
    return Before(_by_status(run), failed)


def previewed(run: Run) -> Any:
    """What the ingest would do; nothing is written.

    None where the vector index or the embedder is away: what to do first is noted.

    Raises:
        InvalidTrialError: the file cannot be read, or lacks a column.
        InvalidOHLCVError: prices that cannot be read.
    """
    try:
        report = run.kb.ingest(**_arguments(run), dry_run=True)
    except BackendUnavailableError as error:
        index_away(run, error, "the vector index, or the embedder,")
        return None
    for note in report.notes:
        run.find(note)
    if report.error:
        run.find(
            f"{report.error:,} of {report.rows:,} rows are refused; the others go in",
            "warning",
            rows=report.rows,
            refused=report.error,
        )
        run.next("correct the rows that are listed as refused, and ingest them like the source")
    return report


def counted(report: Any, title: str) -> Table:
    """The counters of an ingest with their meaning."""
    if report is None:
        return Table([], title, "nobody can tell")
    return Table(
        [
            {"action": action, "trials": n, "meaning": MEANINGS[action]}
            for action, n in report.counts().items()
        ],
        f"{title} (n = {sum(report.counts().values()):,} trials of {report.source or 'the store'})",
    )


def refused(report: Any) -> Table:
    """The rows that are refused: row, field, message and remedy."""
    if report is None:
        return Table([], "Refused", "nobody can tell")
    names = ("row", "field", "message", "remedy")
    rows = [{name: row[name] for name in names} for row in report.rejects.head(_SHOWN).to_dicts()]
    title = f"Refused (the first {len(rows)} problems; n = {report.error:,} rows)"
    return Table(rows, title if rows else "Refused", "no row is refused")


def planned(run: Run, before: Before, preview: Any) -> None:
    """Plans the ingest, and a second one that must change nothing."""
    if preview is None:
        return
    counts = preview.counts()
    changes = sum(n for action, n in counts.items() if action not in ("skipped", "error"))
    if not changes:
        run.find("everything is there already", trials=counts["skipped"])
        if not before.failed.height and not _due(run):
            return
    run.step(
        "ingest",
        f"ingest {preview.source or 'what is stored'} into {run.workspace}",
        do=lambda: _ingested(run),
        expect=counts,
        undo=_undo(run),
    )
    kept = sum(n for action, n in counts.items() if action != "error")
    run.step(
        "again",
        "ingest the same again: everything has to be skipped",
        do=lambda: run.kb.ingest(**_arguments(run)).counts(),
        expect={**dict.fromkeys(counts, 0), "skipped": kept, "error": counts["error"]},
    )


def verified(run: Run, preview: Any) -> Table | None:
    """After an ingest: the index agrees with the store, and no point is left behind."""
    if preview is None or not run.carried_out:
        return None
    with verifying(run):
        found = run.kb.reconcile(workspace=run.workspace)
        run.verify("the store and the vector index agree", found.clean, summary=found.summary())
    left = _left_behind(run)
    run.verify("no archived entry has a point left behind", left.is_empty(), entries=left.height)
    return Before(_by_status(run), left).table("After")


def chart(report: Any) -> Any:
    """The counters as bars; None where there are none."""
    if report is None:
        return None
    counts = report.counts()
    title = f"What the ingest does, by action (n = {sum(counts.values()):,} trials)"
    return bars(counts, title, "trials")


def _undo(run: Run) -> str:
    """How an ingest is taken back: of a file by its run, which belongs to its workspace."""
    if not run.parameters["trials"]:
        return "no trial is changed, and the index follows SQL: there is nothing to take back"
    return f'tradingkb withdraw {{run_id}} --workspace {quoted(run.workspace)} --reason "undone"'


def _due(run: Run) -> bool:
    """Whether an ingest that changes nothing is to say that the store is up to date."""
    fresh = run.kb.freshness(run.workspace)
    if fresh.last_ingest is None:
        return True
    age_s = (fresh.at - fresh.last_ingest).total_seconds()
    return age_s > STALE.limit / 4


def _ingested(run: Run) -> dict[str, Any]:
    report = run.kb.ingest(**_arguments(run))
    rejects = {"rejects_path": str(report.rejects_path)} if report.rejects_path else {}
    return {**report.counts(), "run_id": report.run_id, **rejects}


def _arguments(run: Run) -> dict[str, Any]:
    given = run.parameters
    mapping = read_mapping_file(Path(given["map_file"])) if given["map_file"] else None
    return {
        "trials": given["trials"] or None,
        "workspace": run.workspace,
        "ohlcv": given["ohlcv"] or None,
        "mapping": mapping,
        "strict": given["strict"],
        "readmit": given["readmit"],
        "replace": given["replace"],
    }


def _by_status(run: Run) -> dict[str, int]:
    """Trials by status, up to 100,000 each."""
    return {
        status: run.kb.trial_count(run.workspace, {"kb_status": status})
        for status in ("candidate", "promoted", "rejected")
    }


def _left_behind(run: Run) -> Any:
    space = run.kb.use_cases.workspaces.find(run.workspace)
    return run.kb.use_cases.store.pending_deletes(space.id)
