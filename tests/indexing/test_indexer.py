"""Stored trials are planned and indexed a bounded number at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tests.indexing.in_memory import COLLECTION, OTHER, TARGET, House, trial
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.indexing import Recipe, indexer, stored_plans, without_hashes_of
from tradingkb.indexing.indexer import ALIAS

RECIPE = Recipe("m", "m/1", COLLECTION)


@pytest.fixture
def house() -> House:
    return House(
        trial(1),
        trial(2, kb_status="promoted"),
        trial(3, kb_status="rejected"),
        trial(4, withdrawn=True),
        trial(5),
    )


def actions(house: House, *numbers: int, **more: object) -> dict[int, str]:
    plans = list(stored_plans(house.store, "space", RECIPE, pl.Series(numbers), **more))
    return dict(pl.concat(plans).select("trial_id", "action").rows()) if plans else {}


# --- plans of stored trials -----------------------------------------------------------------------


def test_rejected_and_withdrawn_trials_are_left_out(house: House) -> None:
    assert actions(house, 1, 2, 3, 4, 5) == {1: "inserted", 2: "inserted", 5: "inserted"}


def test_no_more_trials_are_read_at_a_time_than_a_batch_holds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH", 2)
    assert len(actions(house, 1, 2, 3, 4, 5)) == 3
    assert house.store.asked == [2, 2, 1]


def test_a_plan_of_no_trials_reads_nothing(house: House) -> None:
    assert list(stored_plans(house.store, "space", RECIPE, pl.Series([], dtype=pl.Int64))) == []
    assert house.store.asked == []


def test_lost_trials_are_embedded_again_whatever_their_entries_say(house: House) -> None:
    house.reindex(1, 2, 5)
    assert actions(house, 1, 2, 5, lost=pl.Series([2])) == {
        1: "skipped",
        2: "updated",
        5: "skipped",
    }


def test_regimes_that_are_not_stored_yet_count_in_a_plan(house: House) -> None:
    house.reindex(1, 2, 5)
    moved = pl.when(pl.col("window_key") == "w5").then(pl.lit(OTHER)).otherwise("regime_is")
    found = actions(house, 1, 2, 5, regimes=lambda t: t.with_columns(moved.alias("regime_is")))
    assert found == {1: "skipped", 2: "skipped", 5: "updated"}


# --- forgotten hashes -----------------------------------------------------------------------------

INDEX = pl.DataFrame(
    {
        "trial_id": [1, 2, 3],
        "content_hash": ["a", "b", "c"],
        "archived_at": [None, datetime(2024, 1, 1, tzinfo=UTC), None],
    }
)


@pytest.mark.parametrize(
    ("lost", "hashes"),
    [
        (None, ["a", "b", "c"]),
        ([], ["a", "b", "c"]),
        ([3], ["a", "b", ""]),
        ([2, 1], ["", "", "c"]),
        ([9], ["a", "b", "c"]),
    ],
)
def test_entries_of_lost_trials_forget_their_hash_and_nothing_else(
    lost: list[int] | None, hashes: list[str]
) -> None:
    series = None if lost is None else pl.Series(lost, dtype=pl.Int64)
    found = without_hashes_of(INDEX, series)
    assert found["content_hash"].to_list() == hashes
    assert found.drop("content_hash").equals(INDEX.drop("content_hash"))


# --- reindexing -----------------------------------------------------------------------------------


def test_reindexing_counts_what_it_did_and_the_second_time_skips_it(house: House) -> None:
    assert house.reindex(1, 2, 3, 4) == {"inserted": 2}
    assert house.reindex(1, 2, 5) == {"skipped": 2, "inserted": 1}
    assert house.held() == {1, 2, 5}


def test_progress_counts_eligible_trials_up_to_those_that_were_named(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH", 2)
    told: list[tuple[object, ...]] = []
    house.indexer.reindex(TARGET, pl.Series([1, 2, 5]), lambda *step: told.append(step))
    assert told == [("index", 2, 3), ("index", 3, 3)]


def test_archived_entries_come_back_when_their_trials_are_indexed(house: House) -> None:
    house.reindex(1, 2)
    house.store.entries[1, COLLECTION]["archived_at"] = house.clock()
    assert house.reindex(1, 2) == {"unarchived": 1, "skipped": 1}


# --- the alias ------------------------------------------------------------------------------------


def test_the_alias_is_moved_once_and_only_to_a_collection_that_exists(house: House) -> None:
    house.indexer.set_alias(COLLECTION)
    assert house.index.aliases == {}
    house.index.ensure_collection(COLLECTION, 2)
    for _ in range(2):
        house.indexer.set_alias(COLLECTION)
    assert house.index.aliases == {ALIAS: COLLECTION}
    assert house.index.calls == [("alias", 1)]


def test_a_collection_that_is_dropped_meanwhile_gets_no_alias_and_raises_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(alias: str, name: str) -> None:
        raise EmptyCollectionError(name)

    house.index.ensure_collection(COLLECTION, 2)
    monkeypatch.setattr(house.index, "set_alias", gone)
    house.indexer.set_alias(COLLECTION)
    assert house.index.aliases == {}
