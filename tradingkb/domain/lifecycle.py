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
