"""A strategy's trials as arrays, the same however they came in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import START, USUAL, World, spec, sweep, window
from tradingkb.domain import STATUSES, get_objective
from tradingkb.ports import Partition
from tradingkb.ranking import NEVER
from tradingkb.recommend.known import STATUS_CODE, eligible, to_micros
from tradingkb.recommend.known.view import make_view

SHARPE = get_objective("sharpe")


def one(**columns: Any) -> World:
    """A world of a single trial of which nothing is measured but what is said."""
    bare: dict[str, Any] = dict.fromkeys(
        ("sharpe_is", "sharpe_oos", "max_drawdown_frac_oos", "n_trades_is", "n_trades_oos")
    )
    return sweep(1, {5: 1.0}).but(**{**bare, **columns})


@pytest.mark.parametrize("seed", range(3))
def test_a_view_does_not_depend_on_the_order_in_which_trials_came_in(seed: int) -> None:
    first, other = USUAL.view(), USUAL.shuffled(seed).view()
    assert first.frame.drop("window_id", "param_set_id").equals(
        other.frame.drop("window_id", "param_set_id")
    )
    assert first.psets == other.psets
    for name in ("window", "pset", "identity_order", "known_at", "statuses"):
        assert getattr(first, name).tolist() == getattr(other, name).tolist(), name
    assert first.windows.frame.drop("window_id").equals(other.windows.frame.drop("window_id"))


def test_each_trial_finds_its_window_and_its_set() -> None:
    view = USUAL.shuffled(1).view()
    told = {
        (view.frame["source_id"][n], view.windows.frame["window_key"][w], view.pset_texts[p])
        for n, (w, p) in enumerate(zip(view.window.tolist(), view.pset.tolist(), strict=True))
    }
    assert told == set(USUAL.rows.select("source_id", "window_key", "params").rows())


def test_windows_and_sets_that_no_trial_refers_to_are_left_out() -> None:
    chosen = pl.col("source_id") == "AAPL:1d:03:005"
    view = make_view(
        Partition(1, USUAL.partition.trials.filter(chosen)),
        windows=USUAL.windows,
        sets=USUAL.sets,
        specs=[],
        read_scaler=lambda: None,
        read_history=lambda: USUAL.changes,
    )
    assert (len(view), view.psets) == (1, [{"fast": 5}])
    assert view.windows.frame["oos_start"].to_list() == [START + timedelta(days=3 * 91)]
    assert (view.window.tolist(), view.pset.tolist()) == ([0], [0])


def test_trials_are_sorted_by_source_type_then_id_and_sets_by_their_text() -> None:
    world = USUAL.but(window(9), source_type="a tool")
    view = world.view()
    names = view.frame.select("source_type", "source_id").rows()
    assert names == sorted(names)
    assert view.pset_texts == ['{"fast":20}', '{"fast":5}']
    assert view.pset_index == {'{"fast":20}': 0, '{"fast":5}': 1}


def test_identities_are_ordered_by_id_before_type_and_a_prefix_comes_first() -> None:
    world = sweep(2, {5: 1.0, 20: 1.0})
    names = [("b", "a"), ("a", "a"), ("a", "a!"), ("b", "a!")]
    rows = world.rows.with_columns(
        source_type=pl.Series([t for t, _ in names]), source_id=pl.Series([i for _, i in names])
    )
    view = World(rows).view()
    told = view.frame.select("source_id", "source_type").rows()
    order = [told[i] for i in np.argsort(view.identity_order)]
    assert order == [("a", "a"), ("a", "b"), ("a!", "a"), ("a!", "b")]


def test_versions_are_sorted_and_none_is_minus_one() -> None:
    world = (
        sweep(4, {5: 1.0})
        .but(window(0), strategy_version="2")
        .but(window(1), strategy_version="10")
    )
    codes, names = world.view().versions
    assert (codes.tolist(), names) == ([1, 0, -1, -1], ["10", "2"])
    assert sweep(2, {5: 1.0}).view().versions[1] == []


#: What is stored of a trial, and its score out-of-sample and in-sample.
SCORES: dict[str, tuple[dict[str, Any], tuple[float | None, float | None]]] = {
    "both measured": ({"sharpe_oos": 1.0, "sharpe_is": 0.5}, (1.0, 0.5)),
    "in-sample alone": ({"sharpe_is": 0.5}, (None, 0.5)),
    "nothing": ({}, (None, None)),
    "stored, out-of-sample": (
        {"objective_type": "sharpe", "objective_score": 0.7, "sharpe_is": 0.5},
        (0.7, 0.5),
    ),
    "stored, and measured": (
        {"objective_type": "sharpe", "objective_score": 0.7, "sharpe_oos": 1.0},
        (1.0, None),
    ),
    "stored, but only the in-sample one again": (
        {"objective_type": "sharpe", "objective_score": 0.5, "sharpe_is": 0.5},
        (None, 0.5),
    ),
    "stored, in-sample": (
        {"objective_type": "sharpe", "objective_score": 0.7, "oos_end": None},
        (None, 0.7),
    ),
    "stored, but only the in-sample one rounded": (
        {"objective_type": "sharpe", "objective_score": 0.57, "sharpe_is": 0.5678},
        (None, 0.5678),
    ),
    "recorded as in-sample": (
        {"objective_type": "sharpe", "objective_score": 0.7, "objective_sample": "is"},
        (None, 0.7),
    ),
    "recorded as out-of-sample": (
        {
            "objective_type": "sharpe",
            "objective_score": 0.5,
            "objective_sample": "oos",
            "sharpe_is": 0.5,
            "oos_end": None,
        },
        (0.5, 0.5),
    ),
    "stored, of another objective": (
        {"objective_type": "sortino", "objective_score": 0.7},
        (None, None),
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_computed_else_the_stored_one_of_its_sample(name: str) -> None:
    columns, (oos, inside) = SCORES[name]
    found = one(**columns).view().scores(SHARPE)
    assert [None if np.isnan(s[0]) else s[0] for s in (found.oos, found.inside)] == [oos, inside]
    assert found.known.tolist() == [(oos, inside) != (None, None)]


def test_an_objective_without_a_formula_is_what_is_stored() -> None:
    stored = one(objective_type="sortino", objective_score=0.7).view()
    assert stored.scores(get_objective("sortino")).oos.tolist() == [0.7]
    assert np.isnan(one(sharpe_oos=1.0).view().scores(get_objective("sortino")).oos).all()


def test_a_score_counts_its_own_part_in_years() -> None:
    columns = {"return_frac_oos": 0.1, "max_drawdown_frac_oos": 0.2}
    found = one(**columns).view().scores(get_objective("calmar")).oos
    assert found == pytest.approx([(1.1 ** (365.25 / 90) - 1) / 0.2])


def test_what_filters_compare_is_of_the_sample_that_earned_the_score() -> None:
    metrics: dict[str, Any] = {"max_drawdown_frac_is": 0.4, "n_trades_is": 3}
    table = [
        ({**metrics}, (False, 0.4, 3.0, None)),
        ({**metrics, "sharpe_oos": 1.0, "sharpe_is": 3.0}, (True, None, 3.0, 2.0)),
        ({**metrics, "sharpe_oos": 3.0, "sharpe_is": 1.0}, (True, None, 3.0, 0.0)),
        ({**metrics, "max_drawdown_frac_oos": 0.1, "n_trades_oos": 4}, (True, 0.1, 7.0, None)),
        ({}, (False, None, None, None)),
    ]
    for columns, expected in table:
        found = [column.tolist()[0] for column in one(**columns).view().filter_columns]
        assert [None if v != v else v for v in found] == list(expected), columns


@pytest.mark.parametrize("status", STATUSES)
def test_candidates_and_promoted_trials_may_be_recommended(status: str) -> None:
    view = USUAL.but(window(0), kb_status=status).view()
    assert (view.statuses == STATUS_CODE[status]).sum() >= 2
    assert eligible(view.statuses).sum() == (18 if status == "rejected" else 20)


@pytest.mark.parametrize(("days", "archived"), [(-1, 0), (0, 2), (1, 2), (None, 2)])
def test_a_trial_is_archived_from_then_on(days: int | None, archived: int) -> None:
    view = USUAL.but(window(0), archived_at=START).view()
    moment = None if days is None else to_micros(START + timedelta(days=days))
    assert view.archived(moment).sum() == archived


def test_times_are_microseconds_and_never_where_unknown() -> None:
    view = USUAL.but(window(0), promoted_at=START + timedelta(microseconds=1)).view()
    micros = int(START.timestamp()) * 1_000_000 + 1
    assert sorted(set(view.promoted_at.tolist())) == [NEVER, micros]


def test_sets_obey_a_spec_by_its_own_rules_and_every_set_where_there_is_none() -> None:
    view = USUAL.view()
    assert view.obeying(None).tolist() == [True, True]
    assert view.obeying(spec(high=15)).tolist() == [False, True]
    assert view.obeying(spec(low=10, version="2")).tolist() == [True, False]


def test_what_follows_from_the_trials_is_computed_once() -> None:
    view = USUAL.view()
    assert view.scores(SHARPE) is view.scores(SHARPE)
    assert view.obeying(spec()) is view.obeying(spec())
