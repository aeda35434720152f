"""A run of the tests that kills too little says so."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kills import AT_LEAST, OPERATIONS, complaint, summary

ENOUGH = {name: AT_LEAST // len(OPERATIONS) for name in OPERATIONS}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"ingest": 1000}, ""),
        ({"restore": 19}, "99 kills at random moments, 100 are asked"),
        ({"restore": 19, "promote": 50}, "99 kills at random moments, 100 are asked"),
        ({"ingest": 1000, "archive": 0}, "no kill at a random moment of archive"),
        (dict.fromkeys(OPERATIONS, 0), f"no kill at a random moment of {', '.join(OPERATIONS)}"),
    ],
)
def test_each_operation_is_killed_and_all_of_them_often_enough(
    changes: dict[str, int], said: str
) -> None:
    assert complaint({**ENOUGH, **changes}) == said


def test_the_summary_adds_kills_at_random_moments_and_at_chosen_places() -> None:
    line = summary(Counter(ingest=2, archive=1), Counter(ingest=3, migration=4))
    assert line == "survival: 10 kills, 3 at random moments: archive 1, ingest 5, migration 4"
