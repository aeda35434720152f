"""The status of a trial and the transitions that are allowed between statuses."""

from __future__ import annotations

from typing import Final, Literal, get_args

Status = Literal["candidate", "promoted", "rejected"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
#: Only these may be recommended.
ELIGIBLE: Final[tuple[Status, ...]] = ("candidate", "promoted")

_TRANSITIONS: Final[frozenset[tuple[Status, Status]]] = frozenset(
    {
        ("candidate", "promoted"),
        ("candidate", "rejected"),
        ("promoted", "rejected"),
        ("rejected", "promoted"),
    }
)


def may_change(before: Status, after: Status) -> bool:
    """Whether an admin may move a trial from one status to another."""
    return (before, after) in _TRANSITIONS


def needs_reason(before: Status, after: Status) -> bool:
    """Rejections and restorations change what others rely on: they must say why."""
    return after == "rejected" or before == "rejected"


def transition_name(before: Status, after: Status) -> str:
    """The `transition` field of `kb_admin_status_change_total`."""
    return f"{before}_to_{after}"


def refusal(before: Status, after: Status, reason: str | None) -> str | None:
    """Why a change is refused, as a sentence; None when it is allowed."""
    if not may_change(before, after):
        return f"a {before} trial cannot become {after}"
    if needs_reason(before, after) and not (reason or "").strip():
        verb = "rejecting" if after == "rejected" else "restoring"
        return f"{verb} a trial needs a reason"
    return None


#: Marks an index entry whose point is not known to be gone from the vector index.
DELETE_FAILED: Final = "qdrant_delete_failed"
#: How such a note begins; a reason that people gave may quote the word alone.
MARK: Final = f" | {DELETE_FAILED}: "


def marked(reason: str, error: str) -> str:
    """The reason of an archived entry, with the note that its point may still be there."""
    return f"{unmarked(reason)}{MARK}{error}"


def unmarked(reason: str) -> str:
    """The reason without such a note."""
    return reason.partition(MARK)[0]
