"""Points of archived trials go, and a deletion that failed is remembered and said."""

from __future__ import annotations

import logging
from typing import Any

import polars as pl
import pytest

from tests.indexing.in_memory import COLLECTION, House, point_of, trial
from tests.small_store import events
from tradingkb.domain import Actor
from tradingkb.exceptions import BackendUnavailableError

ACTOR = Actor("ada", reason="bad data")
FAILED = "kb_archive_qdrant_failed"


@pytest.fixture
def house() -> House:
    house = House(*(trial(n) for n in range(1, 5)))
    house.reindex(1, 2, 3, 4)
    house.index.calls.clear()
    return house


def archived(*numbers: int, collection: str = COLLECTION) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "trial_id": list(numbers),
            "collection": [collection] * len(numbers),
            "point_id": [point_of(n) for n in numbers],
        }
    )


def test_deleted_points_are_noted_as_gone(house: House) -> None:
    assert house.indexer.remover.remove(archived(1, 3)) == 0
    assert house.held() == {2, 4}
    assert house.store.notes == [([1, 3], None)]


def test_points_of_several_collections_are_deleted_each_in_its_own(house: House) -> None:
    house.reindex(1, 2, collection="other")
    both = pl.concat([archived(1), archived(2, collection="other")])
    assert house.indexer.remover.remove(both) == 0
    assert house.held() == {2, 3, 4}
    assert house.held("other") == {1}


def test_a_collection_that_is_gone_holds_no_points(house: House) -> None:
    house.index.drop(COLLECTION)
    assert house.indexer.remover.remove(archived(1)) == 0
    assert house.store.notes == [([1], None)]


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (BackendUnavailableError("no\n  answer"), "no answer"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_points_that_cannot_be_deleted_are_noted_with_the_reason_on_one_line(
    house: House, error: Exception, note: str
) -> None:
    house.index.fails = error
    assert house.indexer.remover.remove(archived(1, 2)) == 2
    assert house.store.notes == [([1, 2], note)]
    assert house.held() == {1, 2, 3, 4}


def test_a_failure_has_one_correlation_id_whatever_number_of_points_it_left(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.index.fails = RuntimeError("down")
    with caplog.at_level(logging.INFO, "tradingkb"):
        house.indexer.remover.remove(archived(1, 2, 3))
    said: list[dict[str, Any]] = events(caplog, FAILED)
    assert [event["point_id"] for event in said] == [point_of(n) for n in (1, 2, 3)]
    assert {(e["correlation_id"], e["collection"], e["error"]) for e in said} == {
        (f"id{house.ids}", COLLECTION, "down")
    }


def test_beyond_a_hundred_points_a_failure_is_counted_and_not_listed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.index.fails = RuntimeError("down")
    many = pl.concat([archived(1)] * 103)
    with caplog.at_level(logging.INFO, "tradingkb"):
        assert house.indexer.remover.remove(many) == 103
    *single, rest = events(caplog, FAILED)
    assert len(single) == 100
    assert rest["more"] == 3
    assert rest["correlation_id"] == single[0]["correlation_id"]


def test_a_second_attempt_deletes_what_the_first_left_and_a_third_has_nothing_to_do(
    house: House,
) -> None:
    house.store.archive("space", pl.Series([2]), ACTOR, house.clock())
    house.index.fails = RuntimeError("down")
    assert house.indexer.remover.retry("space") == 1
    house.index.fails = None
    assert house.indexer.remover.retry("space") == 0
    assert house.held() == {1, 3, 4}
    house.index.calls.clear()
    assert house.indexer.remover.retry("space") == 0
    assert house.index.calls == []
