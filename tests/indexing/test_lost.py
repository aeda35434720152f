"""Points that the vector index has lost are found, and a large collection is not counted anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.indexing.in_memory import COLLECTION, TARGET, House, point_of, trial, window
from tradingkb.indexing import LossWatch, lost, lost_trials

DIMENSION = 2


@pytest.fixture
def house() -> House:
    """Four indexed trials, of which the fourth has no regime and so no point."""
    windows = [*(window(n) for n in (1, 2, 3)), window(4, None)]
    house = House(*(trial(n) for n in range(1, 5)), windows=windows)
    house.reindex(1, 2, 3, 4)
    return house


def nothing(house: House) -> None:
    pass


def lose_two(house: House) -> None:
    house.index.delete(COLLECTION, [point_of(1), point_of(3)])


def drop(house: House) -> None:
    house.index.drop(COLLECTION)


def make_anew(house: House) -> None:
    house.index.drop(COLLECTION)
    house.index.ensure_collection(COLLECTION, DIMENSION)


def make_wider(house: House) -> None:
    house.index.dimensions[COLLECTION] = 3


def lose_an_archived_one(house: House) -> None:
    house.store.entries[2, COLLECTION]["archived_at"] = house.clock()
    house.index.delete(COLLECTION, [point_of(2)])


@pytest.mark.parametrize(
    ("accident", "found"),
    [
        (nothing, []),
        (lose_two, [1, 3]),
        (drop, [1, 2, 3]),
        (make_anew, [1, 2, 3]),
        (make_wider, [1, 2, 3]),
        (lose_an_archived_one, []),
    ],
)
def test_what_sql_says_is_there_and_is_not_is_lost(
    house: House, accident: Callable[[House], None], found: list[int]
) -> None:
    accident(house)
    assert lost_trials(house.store, house.index, TARGET, DIMENSION).to_list() == found


def test_points_are_listed_only_where_some_are_missing(house: House) -> None:
    house.index.calls.clear()
    lost_trials(house.store, house.index, TARGET, DIMENSION)
    assert house.index.calls == []


def test_a_collection_without_entries_has_lost_nothing() -> None:
    house = House(trial(1))
    assert lost_trials(house.store, house.index, TARGET, DIMENSION).is_empty()


# --- the watch ------------------------------------------------------------------------------------


@pytest.fixture
def watch(house: House, monkeypatch: pytest.MonkeyPatch) -> LossWatch:
    """A watch for which three points are many; it has just seen that all are there."""
    monkeypatch.setattr(lost, "COUNTED_ALWAYS", 2)
    watch = LossWatch(house.store, house.index, clock=house.clock)
    assert watch.lost_trials(TARGET, DIMENSION, always=False).is_empty()
    lose_two(house)
    return watch


@pytest.mark.parametrize(
    ("seconds", "noticed"), [(0, False), (59, False), (60, True), (3600, True), (-1, True)]
)
def test_many_points_are_counted_again_after_a_minute_or_when_the_clock_was_set_back(
    house: House, watch: LossWatch, seconds: float, noticed: bool
) -> None:
    house.clock.wait(seconds)
    found = watch.lost_trials(TARGET, DIMENSION, always=False)
    assert found.to_list() == ([1, 3] if noticed else [])


def test_whoever_asks_for_everything_gets_a_count(house: House, watch: LossWatch) -> None:
    assert watch.lost_trials(TARGET, DIMENSION, always=True).to_list() == [1, 3]


@pytest.mark.parametrize("accident", [drop, make_wider])
def test_a_collection_that_is_gone_or_has_another_dimension_is_noticed_at_once(
    house: House, watch: LossWatch, accident: Callable[[House], None]
) -> None:
    accident(house)
    assert watch.lost_trials(TARGET, DIMENSION, always=False).to_list() == [1, 2, 3]


def test_after_a_loss_the_points_are_counted_until_they_are_back(
    house: House, watch: LossWatch
) -> None:
    for _ in range(2):
        house.clock.wait(60)
        assert watch.lost_trials(TARGET, DIMENSION, always=False).to_list() == [1, 3]
    assert watch.lost_trials(TARGET, DIMENSION, always=False).to_list() == [1, 3]


def test_few_points_are_counted_whenever_trials_come_in(house: House) -> None:
    watch = LossWatch(house.store, house.index, clock=house.clock)
    assert watch.lost_trials(TARGET, DIMENSION, always=False).is_empty()
    lose_two(house)
    assert watch.lost_trials(TARGET, DIMENSION, always=False).to_list() == [1, 3]
