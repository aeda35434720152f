from __future__ import annotations

import pytest

from tradingkb.domain.lifecycle import (
    ELIGIBLE,
    STATUSES,
    Status,
    may_change,
    needs_reason,
    transition_name,
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
