from __future__ import annotations

import pytest

from tradingkb.domain.lifecycle import (
    ELIGIBLE,
    MARK,
    STATUSES,
    Status,
    marked,
    may_change,
    needs_reason,
    refusal,
    transition_name,
    unmarked,
)

#: from, to, whether it is allowed, whether it needs a reason
TRANSITIONS = [
    ("candidate", "candidate", False, False),
    ("candidate", "promoted", True, False),
    ("candidate", "rejected", True, True),
    ("promoted", "candidate", False, False),
    ("promoted", "promoted", False, False),
    ("promoted", "rejected", True, True),
    ("rejected", "candidate", False, True),
    ("rejected", "promoted", True, True),
    ("rejected", "rejected", False, True),
]


@pytest.mark.parametrize(("before", "after", "allowed", "reason"), TRANSITIONS)
def test_the_table_of_transitions(
    before: Status, after: Status, allowed: bool, reason: bool
) -> None:
    assert may_change(before, after) is allowed
    assert needs_reason(before, after) is reason


def test_the_table_is_complete() -> None:
    assert {(a, b) for a, b, _, _ in TRANSITIONS} == {(a, b) for a in STATUSES for b in STATUSES}


def test_rejected_trials_are_never_eligible() -> None:
    assert ELIGIBLE == ("candidate", "promoted")


def test_transitions_are_named_as_the_runbooks_name_them() -> None:
    assert transition_name("rejected", "promoted") == "rejected_to_promoted"


@pytest.mark.parametrize(
    ("before", "after", "reason", "why"),
    [
        ("candidate", "promoted", None, None),
        ("candidate", "rejected", "no edge", None),
        ("rejected", "promoted", "data corrected", None),
        ("candidate", "rejected", None, "rejecting a trial needs a reason"),
        ("promoted", "rejected", "  ", "rejecting a trial needs a reason"),
        ("rejected", "promoted", "", "restoring a trial needs a reason"),
        ("rejected", "candidate", "why not", "a rejected trial cannot become candidate"),
        ("rejected", "rejected", None, "a rejected trial cannot become rejected"),
    ],
)
def test_a_refusal_says_why(
    before: Status, after: Status, reason: str | None, why: str | None
) -> None:
    assert refusal(before, after, reason) == why


def test_a_note_of_a_failed_deletion_replaces_the_one_before_and_leaves_the_reason() -> None:
    reason = "bad | data, as qdrant_delete_failed said"
    once = marked(reason, "no answer")
    assert once == f"{reason} | qdrant_delete_failed: no answer"
    assert marked(once, "refused") == f"{reason} | qdrant_delete_failed: refused"
    assert unmarked(once) == unmarked(reason) == reason


def test_an_error_that_quotes_the_mark_is_part_of_the_note() -> None:
    assert unmarked(marked("r", f"x{MARK}y")) == "r"
