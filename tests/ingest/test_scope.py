"""Which trials a run is about, and which stored ones it concerns."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.ingest.scopes import (
    CALM,
    WILD,
    batch,
    before,
    incoming,
    known,
    scope,
    stored,
    taken_back,
    windows,
)
from tradingkb.indexing import IDENTITY, Recipe
from tradingkb.ingest.scope import (
    affected_trials,
    all_windows,
    trials_in,
    with_new_regimes,
    without_withdrawn,
)

RECIPE = Recipe("m", "m/1", "c")


class Left:
    """A store that says what earlier runs left, and which trials are on a window."""

    def __init__(self, left: pl.DataFrame, on_windows: pl.DataFrame | None = None) -> None:
        self.left, self.on_windows = left, on_windows
        self.noted: list[bool] = []
        self.asked: list[Any] = []

    def unfinished(self, space: str, collection: str, pipeline: str, *, note: bool) -> pl.DataFrame:
        self.noted.append(note)
        assert (space, collection, pipeline) == ("space", "c", "m/1")
        return self.left.select("trial_id", *IDENTITY, "strategy_name")

    def select(self, space: str, where: dict[str, Any]) -> pl.DataFrame:
        self.asked.append(where)
        assert self.on_windows is not None
        return self.on_windows.select("trial_id", *IDENTITY)


# --- the trials of the source ---------------------------------------------------------------------


def test_a_stored_trial_keeps_its_status_and_number_and_a_new_one_has_what_the_source_says() -> (
    None
):
    trials = incoming("t2", "new", kb_status="candidate")
    here = before(known=known("t2", "t7", kb_status="promoted"))
    found = trials_in(scope(trials, before=here, windows=windows(("w1", CALM, None))))
    assert found.select("source_id", "trial_id", "kb_status", "withdrawn").rows() == [
        ("t2", 2, "promoted", False),
        ("new", None, "candidate", False),
    ]


def test_regimes_come_from_the_windows_and_not_from_the_row() -> None:
    trials = incoming("t1", "t2", regime_is=WILD, regime_oos=None)
    found = trials_in(scope(trials, windows=windows(("w1", CALM, WILD))))
    assert found.select("regime_is", "regime_oos").unique().rows() == [(CALM, WILD)]


def test_numbers_that_the_store_gave_are_taken_for_trials_that_were_new() -> None:
    ids = known("t1", "t2").select(*IDENTITY, "trial_id")
    here = before(known=known("t1", kb_status="promoted"))
    found = trials_in(scope(incoming("t2", "t1"), before=here), ids)
    assert found.select("source_id", "trial_id", "kb_status").rows() == [
        ("t2", 2, "candidate"),
        ("t1", 1, "promoted"),
    ]


def test_the_same_id_of_another_source_type_is_another_trial() -> None:
    here = before(known=known("t1", source_type="optuna", kb_status="rejected"))
    found = trials_in(scope(incoming("t1"), before=here))
    assert found.select("trial_id", "kb_status").rows() == [(None, "candidate")]


def test_the_order_of_the_source_is_kept_whatever_the_order_of_the_store() -> None:
    names = ["t3", "t1", "t2"]
    for stored_names in (("t1", "t2", "t3"), ("t2", "t3", "t1")):
        here = before(known=known(*stored_names))
        found = trials_in(scope(incoming(*names), before=here))
        assert found["source_id"].to_list() == names


def test_without_a_source_the_stored_trials_have_the_regimes_of_their_windows_now() -> None:
    here = before(known=known("t2", "t1"), windows=stored(("w1", None, None)))
    found = trials_in(scope(before=here, windows=windows(("w1", CALM, WILD))))
    assert found.select("source_id", "window_key", "regime_is", "regime_oos").rows() == [
        ("t2", "w1", CALM, WILD),
        ("t1", "w1", CALM, WILD),
    ]


# --- what was withdrawn stays out -----------------------------------------------------------------

STANDS, GONE = {"withdrawn": False}, {"withdrawn": True}


@pytest.mark.parametrize(
    ("stands", "row_hash", "taken", "left"),
    [
        (STANDS, "row t1", taken_back(), ["t1", "t2"]),  # nothing was taken back
        (GONE, "row t1", taken_back(), ["t2"]),  # the trial is withdrawn, and says the same
        (GONE, "other", taken_back(), ["t1", "t2"]),  # it says something new
        (STANDS, "now", taken_back((1, "row t1")), ["t2"]),  # an earlier version was taken back
        (STANDS, "row t1", taken_back((1, "row t1")), ["t1", "t2"]),  # and said again since
        (STANDS, "now", taken_back((9, "row t1")), ["t1", "t2"]),  # of another trial
    ],
)
def test_rows_that_say_again_what_was_taken_back_stay_out(
    stands: dict[str, bool], row_hash: str, taken: pl.DataFrame, left: list[str]
) -> None:
    here = known("t1", row_hash=row_hash, **stands)
    source = batch(incoming("t1", "t2"))
    assert without_withdrawn(source, here, taken).trials["source_id"].to_list() == left


def test_a_row_that_stays_out_is_the_same_in_any_order_of_the_store_and_the_source() -> None:
    here = pl.concat([known("t1", "t3", **GONE), known("t2")])
    source = incoming("t1", "t2", "t3", "t4")
    for one, other in ((here, source), (here.reverse(), source.reverse())):
        left = without_withdrawn(batch(other), one, taken_back()).trials["source_id"]
        assert left.sort().to_list() == ["t2", "t4"]


def test_a_source_without_such_rows_is_taken_as_it_is() -> None:
    source = batch(incoming("t1", "t2"))
    assert without_withdrawn(source, known("t1"), taken_back()) is source


# --- the stored trials that a run concerns --------------------------------------------------------


def test_what_earlier_runs_left_is_indexed_but_for_the_trials_of_the_source() -> None:
    store = Left(known("t9", "t2", "t5"))
    others = affected_trials(scope(incoming("t2", "new")), store, RECIPE, dry_run=False)
    assert others.to_list() == [9, 5]
    assert store.noted == [True]


def test_without_a_source_the_stored_trials_are_the_source() -> None:
    here = before(known=known("t1", "t2"))
    others = affected_trials(scope(before=here), Left(known("t2", "t3")), RECIPE, dry_run=False)
    assert others.to_list() == [3]


def test_a_dry_run_finds_the_trials_whose_windows_would_change_and_notes_nothing() -> None:
    store = Left(known("t9"), on_windows=known("t9", "t4", "t2"))
    here = before(windows=stored(("w1", None, None), ("w2", None, None)))
    moved = scope(
        incoming("t2"), before=here, changed=windows(("w1", CALM, None), ("w8", CALM, None))
    )
    assert affected_trials(moved, store, RECIPE, dry_run=True).to_list() == [4, 9]
    assert store.asked == [{"window_key": ["w1"]}]
    assert store.noted == [False]


def test_a_dry_run_asks_for_no_window_when_only_new_ones_come_in() -> None:
    store = Left(known("t9"))
    moved = scope(incoming("t2"), changed=windows(("w8", CALM, None)))
    assert affected_trials(moved, store, RECIPE, dry_run=True).to_list() == [9]
    assert store.asked == []


def test_trials_get_the_regimes_that_this_run_changes_and_keep_the_others() -> None:
    trials = incoming("t1", "t2", regime_is=CALM).with_columns(
        pl.Series("window_key", ["w1", "w2"])
    )
    found = with_new_regimes(scope(changed=windows(("w2", WILD, CALM))), trials)
    assert found.select("regime_is", "regime_oos").rows() == [(CALM, None), (WILD, CALM)]


def test_a_window_that_is_stored_and_comes_in_counts_once_as_it_comes_in() -> None:
    both = all_windows(
        stored(("w1", CALM, None), ("w2", CALM, CALM)),
        windows(("w3", None, WILD), ("w1", WILD, None)),
    )
    assert both.rows() == [("w3", None, WILD), ("w1", WILD, None), ("w2", CALM, CALM)]
