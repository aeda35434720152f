"""Each way in which entries and points may differ has a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tests.indexing.in_memory import COLLECTION, OTHER, TARGET, House, point_of, trial
from tradingkb.domain import Actor
from tradingkb.indexing import compare

STRANGER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def house() -> House:
    """Three trials that are indexed, and a rejected one that is not."""
    house = House(trial(1), trial(2), trial(3), trial(4, kb_status="rejected"))
    house.reindex(1, 2, 3)
    return house


def differences(house: House, *, active: bool = True) -> dict[str, Any]:
    """Those that are not nothing."""
    found = compare.compare(house.store, house.index, TARGET, house.embedder if active else None)
    plain = {
        name: value.to_list() if isinstance(value, pl.Series) else value
        for name, value in vars(found).items()
    }
    return {name: value for name, value in plain.items() if value}


def payload_of(house: House, number: int) -> dict[str, Any]:
    row: dict[str, Any] = house.index.held[COLLECTION][point_of(number)]
    return row


def lose_a_point(house: House) -> None:
    house.index.delete(COLLECTION, [point_of(2)])


def add_a_stranger(house: House) -> None:
    house.index.held[COLLECTION][STRANGER] = payload_of(house, 1)


def change_a_hash(house: House) -> None:
    house.store.entries[2, COLLECTION]["content_hash"] = "x"


def move_a_regime(house: House) -> None:
    house.store.windows[2]["regime_is"] = OTHER


def change_a_payload(house: House) -> None:
    payload_of(house, 3)["max_drawdown"] = 0.2


def forget_a_payload(house: House) -> None:
    payload_of(house, 3)["n_trades"] = None


def round_a_payload(house: House) -> None:
    payload_of(house, 3)["max_drawdown"] = 0.1 + 1e-12


def mark_one(house: House) -> None:
    house.store.mark_unfinished("space", pl.Series([1]), COLLECTION)


def forget_an_entry(house: House) -> None:
    del house.store.entries[1, COLLECTION]


def reject_one_in_sql_alone(house: House) -> None:
    house.store.trials[2]["kb_status"] = "rejected"


def withdraw_one(house: House) -> None:
    house.store.trials[2]["withdrawn"] = True


def archive_one(house: House) -> None:
    house.store.archive("space", pl.Series([2]), Actor("ada", reason="r"), house.clock())


def drop_the_collection(house: House) -> None:
    house.index.drop(COLLECTION)


AGREED = {"expected": 3, "held": 3}
CASES = [
    (lambda house: None, AGREED),
    (lose_a_point, {"expected": 3, "held": 2, "missing": [2]}),
    (add_a_stranger, {"expected": 3, "held": 4, "orphaned": [STRANGER]}),
    (change_a_hash, {**AGREED, "stale": [2]}),
    (move_a_regime, {**AGREED, "stale": [3]}),
    (change_a_payload, {**AGREED, "stale": [3]}),
    (forget_a_payload, {**AGREED, "stale": [3]}),
    (round_a_payload, AGREED),
    (mark_one, {"expected": 2, "held": 3, "unfinished": [1]}),
    (
        forget_an_entry,
        {"expected": 2, "held": 3, "unfinished": [1], "orphaned": [point_of(1)]},
    ),
    (reject_one_in_sql_alone, {"expected": 2, "held": 3, "unfinished": [2]}),
    (withdraw_one, {"expected": 2, "held": 3, "unfinished": [2]}),
    (archive_one, {"expected": 2, "held": 3, "orphaned": [point_of(2)], "pending": 1}),
    (drop_the_collection, {"expected": 3, "missing": [1, 2, 3]}),
]


@pytest.mark.parametrize(("change", "found"), CASES)
def test_each_difference_has_its_name(
    house: House, change: Callable[[House], None], found: dict[str, Any]
) -> None:
    change(house)
    assert differences(house) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lose_a_point, {"expected": 3, "held": 2, "missing": [2]}),
        (change_a_hash, AGREED),
        (move_a_regime, AGREED),
        (change_a_payload, AGREED),
        (mark_one, {"expected": 2, "held": 3}),
        (reject_one_in_sql_alone, {"expected": 2, "held": 3, "unfinished": [2]}),
    ],
)
def test_in_a_collection_that_is_not_active_entries_are_only_held_against_points(
    house: House, change: Callable[[House], None], found: dict[str, Any]
) -> None:
    change(house)
    assert differences(house, active=False) == found


def test_a_trial_without_a_regime_is_expected_to_have_no_point(house: House) -> None:
    house.store.windows[0]["regime_is"] = None
    house.reindex(1)
    assert differences(house) == {"expected": 2, "held": 2}


def test_payloads_are_compared_a_batch_at_a_time_with_the_same_result(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_a_payload(house)
    payload_of(house, 1)["strategy_name"] = "other"
    whole = differences(house)
    monkeypatch.setattr(compare, "BATCH", 1)
    assert differences(house) == whole
    assert whole["stale"] == [1, 3]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("m/payload-2/scaler-1", {}),
        # Vectors of two scalers side by side are wrong, whoever left them.
        ("m/payload-2/scaler-2", {"stale": [1, 2, 3]}),
        ("m/payload-3/scaler-1", {"outdated": [1, 3], "stale": [2]}),
    ],
)
def test_an_entry_of_an_earlier_release_is_outdated_where_its_trial_is_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, now: str, found: dict[str, Any]
) -> None:
    house.embedder.pipeline = "m/payload-2/scaler-1"
    house.reindex(1, 2, 3)
    monkeypatch.setattr(compare, "PAYLOAD_VERSION", now.split("/")[1])
    house.embedder.pipeline = now
    if "outdated" in found:
        change_a_hash(house)
    assert differences(house) == {"expected": 3, "held": 3, **found}
