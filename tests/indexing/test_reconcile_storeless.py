"""What a reconciliation counts, says and repairs, without a store; the adapters' own is beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tests.indexing.in_memory import COLLECTION, OTHER, TARGET, House, point_of, trial
from tradingkb.indexing import Reconciler, Reconciliation
from tradingkb.indexing.reconcile import SCHEMA
from tradingkb.jobs import Leases

STRANGER = "00000000-0000-4000-8000-000000000000"
FAULTS = ("missing", "orphaned", "stale", "unfinished")


@pytest.fixture
def house() -> House:
    house = House(*(trial(n) for n in range(1, 5)))
    house.reindex(1, 2, 3, 4)
    return house


def reconcile(house: House, *, repair: bool = False) -> Reconciliation:
    leases = Leases(house.store, clock=house.clock, new_id=house.indexer.new_id)
    return Reconciler(house.store, house.indexer, leases).run([TARGET], repair=repair)


def faults(table: pl.DataFrame | None) -> dict[str, tuple[int, ...]]:
    """Counts of what is missing, orphaned, stale and unfinished, by collection."""
    assert table is not None
    return {row["collection"]: tuple(row[n] for n in FAULTS) for row in table.to_dicts()}


def lose(house: House) -> None:
    house.index.delete(COLLECTION, [point_of(1), point_of(2)])


def add_a_stranger(house: House) -> None:
    held = house.index.held[COLLECTION]
    held[STRANGER] = dict(held[point_of(3)])


def move_a_regime(house: House) -> None:
    house.store.windows[2]["regime_is"] = OTHER


def forget(house: House) -> None:
    del house.store.entries[4, COLLECTION]


def reject_in_sql_alone(house: House) -> None:
    house.store.trials[3]["kb_status"] = "rejected"


def everything(house: House) -> None:
    for change in (lose, add_a_stranger, move_a_regime, forget):
        change(house)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda house: None, (0, 0, 0, 0)),
        (lose, (2, 0, 0, 0)),
        (add_a_stranger, (0, 1, 0, 0)),
        (move_a_regime, (0, 0, 1, 0)),
        (forget, (0, 1, 0, 1)),
        (reject_in_sql_alone, (0, 0, 0, 1)),
        (everything, (2, 2, 1, 1)),
    ],
)
def test_a_repair_ends_every_difference_and_a_second_has_nothing_to_do(
    house: House, change: Callable[[House], None], found: tuple[int, ...]
) -> None:
    change(house)
    seen = reconcile(house)
    assert seen.after is None
    assert faults(seen.before) == {COLLECTION: found}
    repaired = reconcile(house, repair=True)
    assert faults(repaired.before) == {COLLECTION: found}
    assert faults(repaired.after) == {COLLECTION: (0, 0, 0, 0)}
    assert repaired.clean
    house.index.calls.clear()
    assert reconcile(house, repair=True).summary() == "SQL and the vector index agree"
    assert {name for name, _ in house.index.calls} == {"points"}


def test_looking_writes_nothing(house: House) -> None:
    everything(house)
    entries, points = str(house.store.entries), str(house.index.held)
    reconcile(house)
    assert (str(house.store.entries), str(house.index.held)) == (entries, points)


def test_a_trial_that_may_not_be_recommended_is_archived_and_its_point_removed(
    house: House,
) -> None:
    reject_in_sql_alone(house)
    reconcile(house, repair=True)
    assert house.store.entries[3, COLLECTION]["archived_at"] == house.clock()
    assert house.held() == {1, 2, 4}


def test_collections_with_entries_and_ours_that_exist_are_looked_at_and_others_are_not(
    house: House,
) -> None:
    house.index.ensure_collection("kb_old", 2)
    house.index.ensure_collection("somebody_elses", 2)
    house.reindex(1, collection="named_freely")
    table = reconcile(house).before
    assert table.select("collection", "active").rows() == [
        ("kb_old", False),
        (COLLECTION, True),
        ("named_freely", False),
    ]
    assert table.schema == SCHEMA


# --- the report -----------------------------------------------------------------------------------


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    plain = {name: 0 for name, kind in SCHEMA.items() if kind == pl.Int64}
    names = {"workspace": "default", "collection": "kb_a", "active": True}
    return pl.DataFrame([{**plain, **names, **row} for row in rows], schema=SCHEMA)


CLEAN = table({"expected": 1200, "held": 1200})
WRONG = table({"expected": 1200, "held": 1199, "missing": 1})
WORSE = table({"stale": 2}, {"collection": "kb_b", "active": False, "orphaned": 1})


@pytest.mark.parametrize(
    ("before", "after", "clean", "line"),
    [
        (CLEAN, None, True, "SQL and the vector index agree"),
        (WRONG, None, False, "SQL and the vector index differ in 1 place"),
        (WORSE, None, False, "SQL and the vector index differ in 3 places"),
        (CLEAN, CLEAN, True, "SQL and the vector index agree"),
        (WRONG, CLEAN, True, "SQL and the vector index agree: repaired"),
        (WORSE, WRONG, False, "SQL and the vector index differ in 1 place"),
    ],
)
def test_the_first_line_says_whether_they_agree_now(
    before: pl.DataFrame, after: pl.DataFrame | None, clean: bool, line: str
) -> None:
    report = Reconciliation(before, after)
    assert (report.clean, report.summary()) == (clean, line)


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (
            None,
            "default / kb_a (active): 1,200 expected, 1,199 held, 1 missing, 0 orphaned, 0 stale, "
            "0 unfinished",
        ),
        (
            CLEAN,
            "default / kb_a (active): 1,200 expected, 1,200 held (before: 1,199), "
            "0 missing (before: 1), 0 orphaned, 0 stale, 0 unfinished",
        ),
    ],
)
def test_a_line_shows_what_a_repair_changed(after: pl.DataFrame | None, line: str) -> None:
    assert Reconciliation(WRONG, after).details() == [line]
