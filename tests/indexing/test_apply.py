"""A plan is applied vectors first, and applying it again finds nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from tests.indexing.in_memory import (
    COLLECTION,
    OTHER,
    TARGET,
    House,
    Sides,
    point_of,
    trial,
    window,
)
from tradingkb.domain import Regime, regime_to_json
from tradingkb.exceptions import UnembeddableError
from tradingkb.indexing import Recipe, apply, indexer, only, stored_plans
from tradingkb.ports import PAYLOAD, Floats32, WindowDocument

NUMBERS = (1, 2, 3, 4)


@pytest.fixture
def house() -> House:
    """Four trials: the first two share a window, the fourth has no regime."""
    trials = [trial(1), trial(2, window_id=1), trial(3), trial(4)]
    return House(*trials, windows=[window(1), window(3, OTHER), window(4, None)])


def recipe(house: House) -> Recipe:
    return Recipe.of(house.embedder, COLLECTION)


def plan_of(house: House, *numbers: int) -> pl.DataFrame:
    ids = pl.Series(numbers or NUMBERS)
    (plan,) = stored_plans(house.store, "space", recipe(house), ids)
    return plan


def apply_plan(house: House, plan: pl.DataFrame, **more: Any) -> list[tuple[str, int, int]]:
    """Applies it as an ingest does; what was told of the progress."""
    told: list[tuple[str, int, int]] = []
    work = only(plan, pl.col("action") != "skipped")
    applier = house.indexer.applier(TARGET, house.embedder)
    applier.apply(work, lambda *step: told.append(step), **more)
    return told


def test_trials_with_a_regime_get_a_point_and_every_trial_an_entry(house: House) -> None:
    apply_plan(house, plan_of(house))
    assert house.held() == {1, 2, 3}
    reasons = {n: entry["reason"] for (n, _), entry in house.store.entries.items()}
    assert reasons == {1: None, 2: None, 3: None, 4: "no_regime"}
    assert {e["point_id"] for e in house.store.entries.values()} == {point_of(n) for n in NUMBERS}


def test_a_plan_applied_twice_skips_everything_the_second_time(house: House) -> None:
    apply_plan(house, plan_of(house))
    again = plan_of(house)
    assert set(again["action"]) == {"skipped"}
    house.index.calls.clear()
    assert apply_plan(house, again) == []
    assert house.index.calls == []


def test_neither_the_order_of_the_rows_nor_the_size_of_a_batch_makes_a_difference(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_plan(house, plan_of(house))
    expected = (house.index.held, house.store.entries)
    house.index.held, house.store.entries = {}, {}
    monkeypatch.setattr(apply, "BATCH", 3)
    assert apply_plan(house, plan_of(house).reverse()) == [("index", 3, 4), ("index", 4, 4)]
    assert (house.index.held, house.store.entries) == expected


def test_a_window_is_embedded_once_whatever_number_of_trials_it_has(house: House) -> None:
    apply_plan(house, plan_of(house, 1, 2, 3))
    assert house.embedder.embedded == 2


# --- an embedder that takes its time --------------------------------------------------------------


@pytest.fixture
def slow() -> House:
    """Two trials in each of five windows, by turns; the embedder takes two windows at a time."""
    numbers = range(1, 6)
    firsts = [trial(n) for n in numbers]
    seconds = [trial(n + 5, window_id=n) for n in numbers]
    regimes = [regime_to_json(Regime(features={"drift": n / 10})) for n in numbers]
    windows = [window(n, text) for n, text in zip(numbers, regimes, strict=True)]
    house = House(*firsts, *seconds, windows=windows)
    house.embedder = Sides(batch=2)
    return house


def kill_at(house: House, call: int) -> None:
    def killed(number: int) -> None:
        if number == call:
            raise KeyboardInterrupt

    house.embedder.before_call = killed


def test_what_a_batch_made_is_stored_and_told_before_the_next_one_is_embedded(slow: House) -> None:
    stored: list[tuple[int, int]] = []
    slow.embedder.before_call = lambda _: stored.append((len(slow.held()), len(slow.store.entries)))
    told = apply_plan(slow, plan_of(slow, *range(1, 11)))
    assert slow.embedder.calls == [2, 2, 1]
    assert stored == [(0, 0), (4, 4), (8, 8)]
    assert told == [("index", 4, 10), ("index", 8, 10), ("index", 10, 10)]


def refuse(house: House, *drifts: float) -> None:
    """Makes no vectors of windows with such a drift."""
    whole = house.embedder.embed_documents

    def embed(documents: Sequence[WindowDocument]) -> Floats32:
        known = [d.before.features["drift"] if d.before else None for d in documents]
        bad = {n: f"drift {drift}" for n, drift in enumerate(known) if drift in drifts}
        if bad:
            raise UnembeddableError("m", bad)
        return whole(documents)

    house.embedder.embed_documents = embed  # type: ignore[method-assign]


@pytest.mark.parametrize("batch", [2, None])
def test_windows_that_the_model_refuses_are_left_out_and_told_when_all_others_are_done(
    slow: House, batch: int | None
) -> None:
    slow.embedder.batch = batch
    refuse(slow, 0.1, 0.4)
    with pytest.raises(UnembeddableError) as error:
        slow.reindex(*range(1, 11))
    assert slow.held() == {2, 3, 5, 7, 8, 10}
    assert {n for n, _ in slow.store.entries} == slow.held()
    said = str(error.value)
    assert "no vectors of the window of trial 't1', the window of trial 't4': drift 0.1" in said
    slow.embedder = Sides(batch=batch)
    slow.reindex(*range(1, 11))
    assert len(slow.held()) == 10
    assert slow.embedder.embedded == 2


def test_nothing_but_refused_windows_is_told_too(slow: House) -> None:
    refuse(slow, *(n / 10 for n in range(1, 6)))
    with pytest.raises(UnembeddableError):
        slow.reindex(*range(1, 11))
    assert slow.store.entries == {}


@pytest.mark.parametrize("batch", [2, 3, 100])
def test_whoever_is_killed_loses_one_batch_and_embeds_nothing_twice(
    slow: House, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """However few trials are read or written at one time."""
    monkeypatch.setattr(apply, "BATCH", batch)
    monkeypatch.setattr(indexer, "BATCH", batch)
    kill_at(slow, 3)
    with pytest.raises(KeyboardInterrupt):
        slow.reindex(*range(1, 11))
    done = [n for n in range(1, 6) if {n, n + 5} <= slow.held()]
    assert 0 <= slow.embedder.embedded - len(done) <= 2
    slow.embedder = Sides(batch=2)
    slow.reindex(*range(1, 11))
    assert len(slow.held()) == 10
    assert slow.embedder.embedded == 5 - len(done)


def test_the_progress_of_stored_trials_moves_with_each_batch(
    slow: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(indexer, "BATCH", 6)
    ids = pl.Series(range(1, 11))
    slow.indexer.reindex(TARGET, ids, lambda _, n, of: told.append(n if of == 10 else -1))
    assert told == [4, 6, 10]
    assert slow.embedder.embedded == 5


def test_vectors_are_there_before_the_entries_that_say_so(house: House) -> None:
    seen: list[set[int]] = []
    house.store.before_write = lambda: seen.append(house.held())
    apply_plan(house, plan_of(house))
    assert seen == [{1, 2, 3}]


def test_a_trial_that_has_lost_its_regime_loses_its_point(house: House) -> None:
    apply_plan(house, plan_of(house))
    house.store.windows[0].update(regime_is=None)
    apply_plan(house, plan_of(house))
    assert house.held() == {3}
    assert house.store.entries[1, COLLECTION]["reason"] == "no_regime"


def test_no_point_is_deleted_of_trials_that_come_in_without_a_regime(house: House) -> None:
    apply_plan(house, plan_of(house, 4))
    assert house.index.calls == []


def test_the_point_of_a_trial_that_was_rejected_meanwhile_is_removed(house: House) -> None:
    plan = plan_of(house)
    house.store.trials[3]["kb_status"] = "rejected"
    apply_plan(house, plan)
    assert house.held() == {1, 2}
    assert house.store.notes == [([3], None)]


def test_an_entry_names_the_recipe_that_made_it(house: House) -> None:
    apply_plan(house, plan_of(house, 1))
    entry = house.store.entries[1, COLLECTION]
    assert (entry["collection"], entry["pipeline"]) == (COLLECTION, "m/1")
    assert entry["content_hash"] == plan_of(house, 1)["content_hash"][0]


@pytest.mark.parametrize(
    ("facts", "payload"),
    [
        ({}, (True, 0.1, 10.0, 0.5)),
        ({"sharpe_oos": 2.0}, (True, 0.1, 10.0, 0.0)),
        ({"n_trades_is": 5.0}, (True, 0.1, 15.0, 0.5)),
        ({"sharpe_is": None}, (True, 0.1, 10.0, None)),
        (
            {"sharpe_oos": None, "n_trades_oos": None, "max_drawdown_frac_oos": None},
            (False, None, None, None),
        ),
        (
            {
                "sharpe_oos": None,
                "n_trades_oos": None,
                "max_drawdown_frac_oos": None,
                "max_drawdown_frac_is": 0.3,
                "n_trades_is": 7.0,
            },
            (False, 0.3, 7.0, None),
        ),
    ],
)
def test_the_payload_says_what_filters_ask(facts: dict[str, Any], payload: tuple[Any, ...]) -> None:
    trials = House(trial(1, **facts)).store.documents("space", pl.Series([1]))
    row = apply.with_payload(trials, "space")
    assert tuple(row.columns) == PAYLOAD
    assert row.row(0) == ("space", "s", "w1", *payload)


def test_a_plan_of_trials_from_a_file_learns_their_numbers_from_the_store(house: House) -> None:
    file = (
        plan_of(house, 1, 3).drop("trial_id").with_columns(params=pl.lit("{}"), symbol=pl.lit("X"))
    )
    house.store.asked.clear()
    apply_plan(house, file)
    assert set(house.store.entries) == {(1, COLLECTION), (3, COLLECTION)}
    assert house.store.asked == []


def test_what_the_writing_of_all_trials_returned_is_passed_on_only_with_all_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = pl.DataFrame({"strategy_name": ["s"], "generation": [1]})
    seen: list[bool] = []
    write = house.store.write_index

    def writing(space: str, rows: pl.DataFrame, at: datetime, passed: Any) -> pl.DataFrame:
        seen.append(passed is since)
        written: pl.DataFrame = write(space, rows, at, passed)
        return written

    monkeypatch.setattr(house.store, "write_index", writing)
    apply_plan(house, plan_of(house), since=since)
    monkeypatch.setattr(apply, "BATCH", 3)
    house.store.forget_index("space", COLLECTION)
    apply_plan(house, plan_of(house), since=since)
    assert seen == [True, False, False]
