"""Promoting, rejecting and archiving: what is asked, what is said of it."""

from __future__ import annotations

import pytest

from dashboard.views.curation import (
    Preview,
    button_text,
    change,
    headline,
    lacking,
    left_to_do,
    still_meant,
    transition_rows,
)


def report(**changes: object) -> dict[str, object]:
    return {
        "action": "reject",
        "dry_run": True,
        "selected": 3,
        "changed": 3,
        "transitions": {"candidate_to_rejected": 2, "promoted_to_rejected": 1},
        "points_pending": 0,
        "index_pending": 0,
        **changes,
    }


@pytest.mark.parametrize(
    ("action", "reason", "statuses", "words"),
    [
        ("", "why", ["candidate"], "Choose what to do"),
        ("delete", "why", ["candidate"], "Choose what to do"),
        ("reject", "  ", ["candidate"], "rejecting a trial needs a reason"),
        ("promote", None, ["candidate", "rejected"], "promoting a rejected trial needs a reason"),
    ],
)
def test_what_the_store_would_refuse_is_said_before_it_is_asked(action, reason, statuses, words):
    assert words in (lacking(change("w", action, [1], reason), statuses) or "")


@pytest.mark.parametrize(
    ("action", "reason", "statuses"),
    [
        ("promote", None, ["candidate"]),
        ("promote", "again good", ["rejected"]),
        ("reject", "a bug", ["promoted"]),
        ("archive", None, ["rejected"]),
    ],
)
def test_a_complete_form_lacks_nothing(action, reason, statuses):
    assert lacking(change("w", action, [1], reason), statuses) is None


def test_a_preview_is_of_these_trials_and_this_reason_alone():
    asked = change("w", "reject", [2, 1, 2], " a bug ")
    preview = Preview(asked, report())
    assert still_meant(preview, change("w", "reject", [1, 2], "a bug"))
    assert not still_meant(preview, change("w", "reject", [1], "a bug"))
    assert not still_meant(preview, change("w", "reject", [1, 2], "another"))
    assert not still_meant(preview, change("w", "promote", [1, 2], "a bug"))
    assert not still_meant(preview, change("other", "reject", [1, 2], "a bug"))
    assert not still_meant(None, asked)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "3 trials would be rejected."),
        ({"dry_run": False, "changed": 1}, "1 trial was rejected; 2 trials unchanged."),
        ({"dry_run": False}, "3 trials were rejected."),
        ({"action": "promote", "changed": 2}, "2 trials would be promoted; 1 trial unchanged."),
        (
            {"changed": 0, "action": "archive"},
            "Nothing would change: all 3 chosen trials are archived already, or cannot be.",
        ),
        (
            {"changed": 0, "selected": 1, "dry_run": False},
            "Nothing changed: the chosen trial is rejected already, or cannot be.",
        ),
    ],
)
def test_a_report_is_one_sentence(changes, text):
    assert headline(report(**changes)) == text


def test_transitions_are_told_from_what_to_what():
    assert transition_rows(report()).rows() == [
        ("candidate", "rejected", 2),
        ("promoted", "rejected", 1),
    ]
    assert transition_rows(report(transitions={"archived": 4})).rows() == [
        ("in the index", "archived", 4)
    ]
    assert transition_rows(report(transitions={})).is_empty()


def test_what_the_index_still_owes_is_said():
    assert left_to_do(report()) == []
    owed = " ".join(left_to_do(report(points_pending=1, index_pending=2)))
    assert "1 point could not be deleted" in owed
    assert "2 index entries could not be brought up to date" in owed


def test_the_button_says_what_it_does():
    asked = change("w", "reject", [1, 2, 3], "a bug")
    assert button_text(Preview(asked, report())) == "Reject 3 trials"
    assert button_text(Preview(asked, report(changed=1))) == "Reject 1 trial"
