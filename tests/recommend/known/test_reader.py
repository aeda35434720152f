"""Reading what is known, and keeping it until it changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.recommend.shelf import Shelf
from tests.recommend.worlds import (
    NOW,
    START,
    TARGET,
    USUAL,
    World,
    calibrated,
    fast,
    question,
    spec,
    sweep,
)
from tradingkb.exceptions import (
    InvalidInputError,
    UnknownObjectiveError,
    UnknownStrategyError,
)
from tradingkb.ports import TrialStore
from tradingkb.recommend.known import Calibrations, ContextReader
from tradingkb.recommend.known import reader as reader_module

LATER = sweep(2, {5: 1.0, 20: 2.0}, start=START + timedelta(days=4000))
NOTHING = USUAL.only(fast(0))


def reading(world: World, **options: Any) -> tuple[Shelf, ContextReader]:
    shelf = Shelf(world)
    return shelf, ContextReader(cast(TrialStore, shelf), clock=lambda: NOW, **options)


def test_trials_are_read_once_while_nothing_changes() -> None:
    shelf, reader = reading(USUAL)
    first = reader.read(TARGET, question())
    again = reader.read(TARGET, question(symbol=None, regime=None))
    assert again.view is first.view
    assert shelf.reads["partition"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        USUAL.plus(LATER),
        USUAL.but(fast(5), kb_status="rejected"),
        USUAL.only(fast(20)),
        USUAL.under(spec()).plus(LATER),
    ],
)
def test_after_a_change_the_view_is_that_of_a_reader_who_has_just_begun(changed: World) -> None:
    shelf, reader = reading(USUAL)
    before = reader.view(TARGET, "s")
    shelf.put(changed)
    after = reader.view(TARGET, "s")
    fresh = reading(changed)[1].view(TARGET, "s")
    assert after is not before
    assert after.frame.equals(fresh.frame)
    assert after.windows.frame.equals(fresh.windows.frame)
    assert (after.psets, after.specs) == (fresh.psets, fresh.specs)


def test_a_change_that_alters_no_answer_leaves_the_view_as_it_is() -> None:
    shelf, reader = reading(USUAL)
    before = reader.view(TARGET, "s")
    shelf.put(USUAL)
    assert reader.view(TARGET, "s") is before
    assert (shelf.reads["partition"], shelf.reads["windows"]) == (2, 1)


def test_what_is_forgotten_is_read_anew() -> None:
    shelf, reader = reading(USUAL)
    before = reader.view(TARGET, "s")
    reader.forget()
    assert reader.view(TARGET, "s") is not before
    assert shelf.reads["partition"] == 2


def test_names_that_nobody_knows_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "KEPT_TRIALS", 1_000)
    _, reader = reading(USUAL)
    for i in range(50):
        with pytest.raises(UnknownStrategyError):
            reader.read(TARGET, question(strategy_name=f"unknown{i}"))
    assert len(reader._views) <= 10


def test_a_view_that_was_read_with_others_is_the_one_that_is_read_alone() -> None:
    shelf, reader = reading(USUAL.under(spec()))
    reader.prepare(TARGET, ["s", "other"])
    alone = reading(USUAL.under(spec()))[1].view(TARGET, "s")
    view = reader.view(TARGET, "s")
    assert view.frame.equals(alone.frame)
    assert view.windows.frame.equals(alone.windows.frame)
    assert (view.psets, view.specs) == (alone.psets, alone.specs)
    assert (shelf.reads["partitions"], shelf.reads["partition"]) == (1, 0)
    shelf.put(USUAL.plus(LATER))
    assert reader.view(TARGET, "s").frame.height > view.frame.height


def test_a_view_that_is_kept_is_not_read_with_others() -> None:
    shelf, reader = reading(USUAL)
    view = reader.view(TARGET, "s")
    reader.prepare(TARGET, ["s", "other"])
    assert shelf.reads["partitions"] == 0
    assert reader.view(TARGET, "s") is view


def test_strategies_with_many_trials_are_left_to_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "PREPARED_TRIALS", USUAL.rows.height - 1)
    shelf, reader = reading(USUAL)
    reader.prepare(TARGET, ["s", "other"])
    assert shelf.reads["partitions"] == 0


def test_each_collection_has_its_own_view() -> None:
    """Which trials are archived is a matter of the collection."""
    shelf, reader = reading(USUAL)
    other = replace(TARGET, collection="kb_other")
    assert reader.view(TARGET, "s") is not reader.view(other, "s")
    assert reader.view(other, "s") is reader.view(other, "s")
    assert shelf.reads["partition"] == 2


def test_history_and_scaler_are_read_where_they_are_asked_for() -> None:
    shelf, reader = reading(USUAL)
    reader.read(TARGET, question())
    assert (shelf.reads["history"], shelf.reads["scaler"]) == (0, 0)
    reader.read(TARGET, question(as_of=NOW))
    reader.read(TARGET, question(as_of=START))
    assert shelf.reads["history"] == 1


def test_the_context_is_that_of_the_clock_and_the_embargo() -> None:
    _, reader = reading(USUAL, embargo_s=60.0)
    found = reader.read(TARGET, question())
    pure = USUAL.context(embargo_s=60.0)
    assert (found.now, found.known_until) == (NOW, pure.known_until)
    assert found.funnel == pure.funnel


@pytest.mark.parametrize(
    ("world", "name", "near"),
    [
        (USUAL, "ss", "did you mean s"),
        (NOTHING.under(spec()), "ss", "did you mean s"),
        (NOTHING, "s", "kb.strategies"),
    ],
)
def test_a_strategy_that_nobody_knows_is_refused_with_near_names(
    world: World, name: str, near: str
) -> None:
    _, reader = reading(world)
    with pytest.raises(UnknownStrategyError, match=near):
        reader.read(TARGET, question(strategy_name=name))


def test_a_strategy_with_a_spec_and_no_trials_is_known() -> None:
    _, reader = reading(NOTHING.under(spec()))
    assert reader.read(TARGET, question()).funnel["stored"] == 0


def test_a_strategy_whose_trials_are_all_withdrawn_is_known_and_empty() -> None:
    shelf, reader = reading(USUAL)
    shelf.name = "other"
    shelf.strategy_names = lambda _: ["s"]  # type: ignore[method-assign]
    assert reader.read(TARGET, question()).funnel["stored"] == 0


def test_an_unknown_objective_is_refused_before_any_trial_is_read() -> None:
    shelf, reader = reading(USUAL)
    with pytest.raises(UnknownObjectiveError):
        reader.read(TARGET, question(objective_type="luck"))
    assert not shelf.reads


def test_a_calibration_is_read_once_until_a_newer_one_is_fitted() -> None:
    shelf = Shelf(USUAL)
    kept = Calibrations(cast(TrialStore, shelf))
    assert kept.newest("space", "sharpe") is None
    shelf.newest = calibrated(0.6).stored
    first = kept.newest("space", "sharpe")
    assert first is not None
    assert first.rate is not None
    assert kept.newest("space", "sharpe") is first
    shelf.newest = replace(calibrated(0.8).stored, fitted_at=NOW + timedelta(seconds=1))
    second = kept.newest("space", "sharpe")
    assert second is not None
    assert second.rate is not None
    assert (first.rate.value, second.rate.value) == (0.6, 0.8)
    assert shelf.reads["calibration"] == 3


#: What version 1 stored, a ladder of rates: another release means something else by it.
EARLIER = {
    "version": 1,
    "rates": "base_rate",
    "level": 0.9,
    "skill": {},
    "rungs": [{"correlation": 0.1, "spread": 0.0, "spread_high": 0.0}],
    "groups": [{"key": [], "value": 0.5, "variance": 0.1, "n": 9, "n_quarters": 9, "depth": 0}],
    "logistic": None,
}


@pytest.mark.parametrize("model", [None, EARLIER, {"version": 99}])
def test_a_stored_calibration_may_have_no_rate_or_one_of_another_release(
    model: dict[str, Any] | None,
) -> None:
    shelf = Shelf(USUAL)
    shelf.newest = replace(calibrated().stored, model=model)
    newest = Calibrations(cast(TrialStore, shelf)).newest("space", "sharpe")
    assert newest is not None
    assert (newest.rate, newest.stored.model) == (None, model)


@pytest.mark.parametrize(("name", "windows"), [("s", 7), ("t", 3), ("u", 0)])
def test_a_calibration_knows_how_many_windows_a_strategy_had(name: str, windows: int) -> None:
    rows = [{"name": "t", "windows": 3}, {"name": "s", "windows": 7}]
    known = calibrated()
    known = replace(known, stored=replace(known.stored, strategies=rows))
    assert known.windows(name) == windows


def test_a_timeframe_that_is_no_length_of_time_has_to_be_one_of_a_window() -> None:
    reader = reading(USUAL)[1]
    with pytest.raises(InvalidInputError, match="'banana' is no length of time") as caught:
        reader.read(TARGET, question(timeframe="banana"))
    assert caught.value.field == "timeframe"
    assert "stored are 1d" in str(caught.value.remedy)
    assert reader.read(TARGET, question(timeframe="2h")).timeframe == "2h"
    ticks = reading(sweep(3, {5: 1.0}, timeframe="ticks"))[1]
    assert ticks.read(TARGET, question(timeframe="ticks")).timeframe == "ticks"
