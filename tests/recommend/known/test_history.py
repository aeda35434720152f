"""Statuses and promotions as they were at an earlier time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.recommend.worlds import START, World, sweep
from tradingkb.ranking import NEVER
from tradingkb.recommend.known import STATUS_CODE, promoted_as_of, to_micros
from tradingkb.recommend.known.history import statuses_as_of

#: Trials 1, 2, 3 by window.
THREE = sweep(3, {5: 1.0})
NAMES = {code: name for name, code in STATUS_CODE.items()}


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def statuses(world: World, days: float) -> list[str]:
    return [NAMES[int(code)] for code in statuses_as_of(world.view(), to_micros(at(days)))]


def promoted(world: World, days: float) -> list[int | None]:
    """Days after START at which each trial had been promoted last, None where it had not."""
    found = promoted_as_of(world.view(), to_micros(at(days))).tolist()
    return [None if f == NEVER else (f - to_micros(START)) // 86_400_000_000 for f in found]


CHANGED = THREE.but(kb_status="rejected").since(
    (1, "candidate", "promoted", at(10)),
    (2, "promoted", "rejected", at(20)),
    (1, "promoted", "rejected", at(30)),
)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # A trial without a history has always had its status: nobody changed it.
        (9.999, ["candidate", "promoted", "rejected"]),
        (10, ["promoted", "promoted", "rejected"]),
        (19.999, ["promoted", "promoted", "rejected"]),
        (20, ["promoted", "rejected", "rejected"]),
        (30, ["rejected", "rejected", "rejected"]),
        (9999, ["rejected", "rejected", "rejected"]),
    ],
)
def test_a_status_is_that_of_the_last_change_by_then(days: float, expected: list[str]) -> None:
    assert statuses(CHANGED, days) == expected


def test_without_any_history_statuses_are_those_of_today() -> None:
    assert statuses(THREE.but(kb_status="promoted"), -9999) == ["promoted"] * 3


def test_what_a_trial_was_before_its_first_change_may_be_unsaid_and_means_a_candidate() -> None:
    world = THREE.since((1, None, "rejected", at(10)))  # type: ignore[arg-type]
    assert statuses(world, 5)[0] == "candidate"
    assert statuses(world, 10)[0] == "rejected"


def test_of_changes_at_one_time_the_last_one_stands() -> None:
    world = THREE.since((1, "candidate", "promoted", at(10)), (1, "promoted", "rejected", at(10)))
    assert statuses(world, 9)[0] == "candidate"
    assert statuses(world, 10)[0] == "rejected"


@pytest.mark.parametrize("stranger", [0, 99])
def test_a_change_of_a_trial_that_left_the_strategy_changes_nothing(stranger: int) -> None:
    world = THREE.since((stranger, "candidate", "rejected", at(10)))
    assert statuses(world, 20) == ["candidate"] * 3
    assert promoted(THREE.since((stranger, "candidate", "promoted", at(10))), 20) == [None] * 3


def test_statuses_of_an_earlier_time_leave_those_of_today_alone() -> None:
    view = CHANGED.view()
    before = view.statuses.tolist()
    statuses_as_of(view, to_micros(at(0)))[:] = 0
    assert view.statuses.tolist() == before


TWICE = THREE.but(promoted_at=at(30)).since(
    (1, "candidate", "promoted", at(10)),
    (1, "promoted", "candidate", at(20)),
    (1, "candidate", "promoted", at(30)),
)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (9, [None, None, None]),
        (10, [10, None, None]),
        (25, [10, None, None]),
        (30, [30, 30, 30]),
        (99, [30, 30, 30]),
    ],
)
def test_a_promotion_counts_from_when_it_was_last_made(
    days: float, expected: list[int | None]
) -> None:
    assert promoted(TWICE, days) == expected


def test_promotions_without_a_history_are_those_of_the_trials() -> None:
    world = THREE.but(promoted_at=at(30))
    assert promoted(world, 29) == [None] * 3
    assert promoted(world, 30) == [30] * 3
