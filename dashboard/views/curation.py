"""Promoting, rejecting and archiving from the list: what is asked, said and allowed; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dashboard.views.numbers import count

#: What can be done with chosen trials, and what it means for answers.
ACTIONS: Final = {
    "promote": "Promoted trials win ties between sets that are as good.",
    "reject": "Rejected trials are never recommended and count no more, until they are promoted.",
    "archive": "Archived trials nominate nothing until their next ingest; they still count.",
}
_DONE: Final = {"promote": "promoted", "reject": "rejected", "archive": "archived"}


@dataclass(frozen=True)
class Change:
    """What somebody is about to do.

    Attributes:
        workspace: slug or id.
        action: one of `ACTIONS`.
        trials: numbers of the trials, sorted.
        reason: why, without blanks around it; None where none is given.
    """

    workspace: str
    action: str
    trials: tuple[int, ...]
    reason: str | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would do, as the dry run said.

    Attributes:
        change: what was asked.
        report: of the dry run.
    """

    change: Change
    report: Mapping[str, Any]


def change(workspace: str, action: str, trials: Sequence[int], reason: str | None) -> Change:
    """The change that the form describes."""
    return Change(workspace, action, tuple(sorted(set(trials))), (reason or "").strip() or None)


def lacking(asked: Change, statuses: Sequence[str]) -> str | None:
    """What the form still needs before it can be tried, as a sentence; None for nothing.

    The store decides; this only saves a question that it would refuse.

    Args:
        asked: what the form holds.
        statuses: of the chosen trials.
    """
    if asked.action not in ACTIONS:
        return "Choose what to do with them."
    if asked.reason is None and asked.action == "reject":
        return "Say why: rejecting a trial needs a reason."
    if asked.reason is None and asked.action == "promote" and "rejected" in statuses:
        return "Say why: promoting a rejected trial needs a reason."
    return None


def still_meant(preview: Preview | None, asked: Change) -> bool:
    """Whether a preview is of exactly what the form says now."""
    return preview is not None and preview.change == asked


def as_shown(preview: Preview, report: Mapping[str, Any]) -> bool:
    """Whether the dry run of now says what the preview showed: others change trials, too."""
    return all(report[name] == preview.report[name] for name in ("changed", "transitions"))


def headline(report: Mapping[str, Any]) -> str:
    """What would happen, or has happened, in one sentence."""
    changed, selected = int(report["changed"]), int(report["selected"])
    done = _DONE.get(str(report["action"]), str(report["action"]))
    if not changed:
        state = "would change" if report["dry_run"] else "changed"
        return f"Nothing {state}: {_all(selected)} {done} already, or cannot be."
    verb = "would be" if report["dry_run"] else ("was" if changed == 1 else "were")
    text = f"{count(changed, 'trial')} {verb} {done}"
    same = selected - changed
    return f"{text}; {count(same, 'trial')} unchanged." if same else f"{text}."


def _all(n: int) -> str:
    return "the chosen trial is" if n == 1 else f"all {n:,} chosen trials are"


def transition_rows(report: Mapping[str, Any]) -> pl.DataFrame:
    """How many trials make which change: from, to, trials."""
    rows = []
    for name, n in report["transitions"].items():
        before, found, after = str(name).partition("_to_")
        if not found:
            before, after = "in the index", str(name)
        rows.append({"from": before, "to": after, "trials": int(n)})
    return pl.DataFrame(rows, schema={"from": pl.String, "to": pl.String, "trials": pl.Int64})


def left_to_do(report: Mapping[str, Any]) -> list[str]:
    """What the vector index still owes after a change, in sentences."""
    lines = []
    if n := int(report.get("points_pending") or 0):
        lines.append(
            f"{count(n, 'point')} could not be deleted from the vector index: they are never "
            "recommended, and the next ingest deletes them."
        )
    if n := int(report.get("index_pending") or 0):
        entries = "1 index entry" if n == 1 else f"{n:,} index entries"
        lines.append(f"{entries} could not be brought up to date: the next ingest does it.")
    return lines


def button_text(preview: Preview) -> str:
    """What the button says that does it."""
    n = int(preview.report["changed"])
    return f"{preview.change.action.capitalize()} {count(n, 'trial')}"
