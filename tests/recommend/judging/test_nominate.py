"""Filters: strict, then relaxed; what an override binds; which trials nominate."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import START, USUAL, World, fast, spec, sweep, window
from tests.small_store import regime
from tradingkb.domain import RELAXED, STRICT
from tradingkb.exceptions import InvalidInputError
from tradingkb.recommend.judging.nominate import Filtered, filter_trials, thresholds


def filtered(world: World, **asked: Any) -> Filtered:
    return filter_trials(world.context(**asked))


def counts(found: Filtered) -> tuple[int, int, int, bool]:
    """Trials that pass the strict and the relaxed filters, that nominate, and by which."""
    nominating = int(found.nominating.sum())
    return found.strict_count, found.relaxed_count, nominating, found.used_relaxed


@pytest.mark.parametrize(
    ("floors", "overrides", "strict", "relaxed"),
    [
        ({}, {}, STRICT.max_drawdown, RELAXED.max_drawdown),
        ({"max_drawdown": 0.1}, {}, 0.1, RELAXED.max_drawdown),
        ({"max_drawdown": 0.9}, {}, 0.9, 0.9),  # a floor may be wider than the relaxed filter
        ({}, {"max_drawdown": 0.3}, 0.3, 0.3),  # the user's word holds in both passes
        ({"max_drawdown": 0.1}, {"max_drawdown": 0.3}, 0.3, 0.3),
        ({}, {"max_drawdown": 0.0}, 0.0, 0.0),
    ],
)
def test_a_floor_binds_the_strict_pass_and_an_override_both(
    floors: dict[str, float], overrides: dict[str, float], strict: float, relaxed: float
) -> None:
    found = thresholds(floors, overrides)
    assert [f.max_drawdown for f in found] == [strict, relaxed]


def test_no_threshold_of_the_relaxed_pass_is_narrower_than_the_strict_one() -> None:
    wide = {"require_oos": False, "max_drawdown": 1.0, "min_trades": 0, "max_overfit_gap": 99.0}
    strict, relaxed = thresholds(wide, {})
    for name, value in wide.items():
        assert getattr(strict, name) == value
    assert (relaxed.require_oos, relaxed.max_drawdown, relaxed.min_trades) == (False, 1.0, 0)
    assert relaxed.max_overfit_gap == np.inf


def test_what_nobody_measured_fails_the_strict_and_passes_the_relaxed_pass_alone() -> None:
    for overrides in ({}, {"min_trades": 3}):
        strict, relaxed = thresholds({}, overrides)
        assert (strict.unknown_passes, relaxed.unknown_passes) == (False, True)


@pytest.mark.parametrize(
    ("world", "found"),
    [
        # Ten trials of three windows are enough.
        (sweep(3, {5: 1, 10: 1, 20: 1, 30: 1}), (12, 12, 12, False)),
        (sweep(5, {5: 1, 20: 1}), (10, 10, 10, False)),
        # Nine trials, or two windows, are not; but nothing is gained where relaxing adds nothing.
        (sweep(3, {5: 1, 10: 1, 20: 1}), (9, 9, 9, False)),
        (sweep(2, dict.fromkeys((5, 10, 20, 30, 40), 1)), (10, 10, 10, False)),
        # Where it does, the relaxed ones nominate too.
        (USUAL.but(~window(0, 1, 2, 3), max_drawdown_frac_oos=0.5), (8, 20, 20, True)),
        (USUAL.but(~window(0, 1, 2, 3, 4), max_drawdown_frac_oos=0.5), (10, 20, 10, False)),
        (USUAL.but(~window(0, 1, 2, 3), max_drawdown_frac_oos=0.51), (8, 8, 8, False)),
        (USUAL.but(max_drawdown_frac_oos=0.51), (0, 0, 0, False)),
        (USUAL.but(max_drawdown_frac_oos=None), (0, 20, 20, True)),
    ],
)
def test_strict_filters_first_and_relaxed_ones_where_too_little_passes(
    world: World, found: tuple[int, int, int, bool]
) -> None:
    assert counts(filtered(world)) == found


#: Filter: values that just pass and just fail the strict one, and the relaxed one.
EDGES: dict[str, tuple[Any, Any, Any, Any]] = {
    "max_drawdown_frac_oos": (0.25, 0.2501, 0.5, 0.5001),
    "n_trades_oos": (3, 2, 1, 0),  # two more are in-sample
    "sharpe_is": (0.3, 0.31, 99.0, None),
}


@pytest.mark.parametrize("column", EDGES)
def test_each_filter_has_its_edge_in_either_pass(column: str) -> None:
    base = USUAL.but(sharpe_oos=0.0, sharpe_is=0.0, n_trades_is=2, n_trades_oos=20)
    edges = EDGES[column]
    for value, strict, relaxed in zip(edges, (20, 0, 0, 0), (20, 20, 20, 0), strict=True):
        if value is not None:
            changed = filtered(base.but(**{column: value}))
            assert (changed.strict_count, changed.relaxed_count) == (strict, relaxed), value


def test_in_sample_trials_pass_the_relaxed_filters_alone() -> None:
    world = USUAL.but(sharpe_oos=None, max_drawdown_frac_oos=None, n_trades_oos=None)
    assert counts(filtered(world)) == (0, 20, 20, True)
    assert counts(filtered(world, require_oos=True)) == (0, 0, 0, False)
    measured = world.but(max_drawdown_frac_is=0.1)
    assert counts(filtered(measured, require_oos=False)) == (20, 20, 20, False)


def test_what_only_the_relaxed_filters_let_through_is_marked() -> None:
    world = USUAL.but(~window(0, 1), max_drawdown_frac_oos=0.3)
    c = world.context()
    found = filter_trials(c)
    assert found.relaxed.tolist() == (c.view.window >= 2).tolist()
    assert (found.strict | found.relaxed).all()
    assert found.filters.max_drawdown == 0.5
    assert found.strict_filters.max_drawdown == 0.25
    assert not filter_trials(USUAL.context()).relaxed.any()


@pytest.mark.parametrize(
    ("changes", "nominating"),
    [
        ({}, 20),
        ({"kb_status": "promoted"}, 20),
        ({"kb_status": "rejected"}, 19),
        ({"archived_at": START}, 19),
        ({"known_at": START.replace(year=2099)}, 19),
        ({"sharpe_oos": None, "sharpe_is": None}, 19),
    ],
)
def test_only_what_is_eligible_known_scored_and_not_archived_nominates(
    changes: dict[str, Any], nominating: int
) -> None:
    world = USUAL.but(fast(5) & window(0), **changes)
    assert int(filtered(world).nominating.sum()) == nominating


def test_an_in_sample_trial_beside_out_of_sample_ones_nominates_nothing() -> None:
    """Its score is of another sample than the evidence."""
    world = USUAL.but(fast(5) & window(0), sharpe_oos=None)
    assert int(filtered(world).nominating.sum()) == 19


def test_tags_are_those_of_the_regime_that_earned_the_score() -> None:
    calm, wild = regime(0.1, ("low_volatility",)), regime(0.8, ("high_volatility",))
    world = USUAL.but(regime_is=calm, regime_oos=wild).but(window(0), regime_oos=calm)
    assert counts(filtered(world, regime_tags=("high_volatility",)))[0] == 18
    assert counts(filtered(world, regime_tags=("low_volatility",)))[0] == 2
    assert counts(filtered(world, regime_tags=("high_volatility", "low_volatility")))[0] == 0
    assert counts(filtered(world, regime_tags=()))[0] == 20


def test_windows_are_those_in_which_a_trial_nominates() -> None:
    world = USUAL.but(window(3) & fast(5), kb_status="rejected").but(window(4), archived_at=START)
    assert np.flatnonzero(~filtered(world).windows).tolist() == [4]


def test_how_many_fail_a_filter_and_nothing_else_is_counted_exactly() -> None:
    world = USUAL.but(window(0, 1, 2), max_drawdown_frac_oos=0.3)
    world = world.but(window(2, 3), n_trades_is=0, n_trades_oos=4)
    found = {r.filter: (r.fails, r.fails_only) for r in filtered(world).rejections}
    assert found == {
        "require_oos": (0, 0),
        "max_drawdown": (6, 4),
        "min_trades": (4, 2),
        "max_overfit_gap": (0, 0),
    }


def test_a_suggested_value_lets_through_as_many_as_it_says() -> None:
    """Whatever is suggested, asking again with it gives that many candidates."""
    drawdown = 0.2 + pl.col("trial_id") / 100
    world = USUAL.but(max_drawdown_frac_oos=drawdown)
    (told,) = filtered(world).relaxations
    assert told.sufficient
    again = filtered(world, **{told.filter: told.suggested})
    assert again.strict_count == told.candidates == 10
    assert not again.relaxations


def test_floors_of_the_spec_in_force_bind() -> None:
    world = USUAL.under(spec(version="1"), spec(version="2", floors={"min_trades": 61}))
    assert filtered(world, strategy_version="1").strict_count == 20
    assert filtered(world).strict_count == 0
    assert filtered(world).relaxed_count == 20
    assert filtered(world, min_trades=60).strict_count == 20


@pytest.mark.parametrize(
    "overrides",
    [{"max_drawdown": -0.1}, {"min_trades": 1.5}, {"max_overfit_gap": "x"}, {"require_oos": 1}],
)
def test_a_value_out_of_its_range_is_refused_by_name(overrides: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=f"^{next(iter(overrides))}"):
        thresholds({}, overrides)
    with pytest.raises(InvalidInputError, match=f"^{next(iter(overrides))}"):
        thresholds(overrides, {})
