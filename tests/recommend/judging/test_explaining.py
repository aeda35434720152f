"""Explaining parameters that a user runs: the evidence of an answer, for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.recommend.worlds import CONFIG, START, USUAL, World, fast, findings, spec, sweep, window
from tradingkb.domain import GivenParams
from tradingkb.recommend import Explanation
from tradingkb.recommend.judging import assemble, explain_params

Case = tuple[World, int, dict[str, Any]]
SPACE = USUAL.under(spec(default=5))
ALL = {5: 0.5, 10: 1.0, 20: 1.5}


def explained(
    world: World, value: int = 20, *, embargo_s: float = 0.0, **asked: Any
) -> Explanation:
    c = world.context(embargo_s=embargo_s, **asked)
    f = findings(c)
    given = GivenParams({"fast": value})
    return explain_params(c, f, given, assemble(c, f, CONFIG), embargo_s)


#: Code: a situation in which it is a reason, and its neighbour.
REASONS: dict[str, tuple[Case, Case]] = {
    "params_break_spec": (
        (USUAL.under(spec(high=15)), 20, {}),
        (USUAL.under(spec(high=20)), 20, {}),
    ),
    "params_not_tested": ((USUAL, 7, {}), (USUAL, 5, {})),
    "params_without_evidence": (
        (USUAL.but(fast(5), kb_status="rejected"), 5, {}),
        (USUAL.but(fast(5) & ~window(0), kb_status="rejected"), 5, {}),
    ),
    "few_own_trades": (
        (USUAL, 20, {"own_trades": {'{"fast":20}': 0.0}}),
        (USUAL, 20, {"own_trades": {'{"fast":20}': 1.0}}),
    ),
    "few_windows": ((sweep(2, ALL), 20, {}), (sweep(3, ALL), 20, {})),
    "one_quarter": ((sweep(4, ALL, days=1), 20, {}), (sweep(4, ALL), 20, {})),
    "missing_regime_context": ((USUAL, 20, {"regime": None}), (USUAL, 20, {})),
    "no_trials_of_timeframe": ((USUAL, 20, {"timeframe": "4h"}), (USUAL, 20, {})),
    "in_sample_only": (
        (USUAL.but(~window(0, 1), sharpe_oos=None), 20, {}),
        (USUAL.but(~window(0, 1, 2), sharpe_oos=None), 20, {}),
    ),
    "flat_prices": ((USUAL, 20, {"read": ["flat_prices"]}), (USUAL, 20, {})),
}
WARNINGS: dict[str, tuple[Case, Case]] = {
    "expected_loss": ((sweep(10, {5: -1.5, 20: -0.5}), 5, {}), (USUAL, 5, {})),
    "defaults_expected_better": (
        (USUAL.under(spec(default=20)), 5, {}),
        (USUAL.under(spec(default=20)), 20, {}),
    ),
    "no_own_history": ((USUAL, 20, {"symbol": "XYZ"}), (USUAL, 20, {})),
    "no_strategy_spec": ((USUAL, 20, {}), (SPACE, 20, {})),
}


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_said_where_it_holds_and_not_next_to_it(code: str) -> None:
    (here, value, asked), (beside, other, otherwise) = REASONS[code]
    assert code in explained(here, value, **asked).reasons
    assert code not in explained(beside, other, **otherwise).reasons


@pytest.mark.parametrize("code", WARNINGS)
def test_a_warning_is_said_where_it_holds_and_not_next_to_it(code: str) -> None:
    (here, value, asked), (beside, other, otherwise) = WARNINGS[code]
    assert code in explained(here, value, **asked).warnings
    assert code not in explained(beside, other, **otherwise).warnings


@pytest.mark.parametrize(("value", "place"), [(20, 1), (10, 2), (5, 3), (7, None)])
def test_sets_are_placed_by_the_score_that_answers_are_chosen_by(
    value: int, place: int | None
) -> None:
    found = explained(sweep(10, ALL), value)
    assert (found.place, found.n_sets) == (place, 3)
    assert found.tested == (place is not None)
    if place is not None:
        assert found.score_difference is not None
        assert (found.score_difference == 0) == (place == 1)
        assert found.score_difference <= 0
    else:
        assert (found.score_difference, found.expected) == (None, None)


def test_equal_sets_share_the_better_place() -> None:
    world = sweep(10, {5: 1.0, 20: 1.0})
    assert [explained(world, value).place for value in (5, 20)] == [1, 1]


def test_given_parameters_are_compared_on_the_windows_that_tried_both() -> None:
    world = USUAL.only(~(fast(5) & window(0, 1))).but(fast(20) & window(9), sharpe_oos=0.5)
    world = world.but(fast(20) & window(8), sharpe_oos=0.0).under(spec(default=5))
    found = explained(world, 20).against_defaults
    assert found is not None
    assert (found.n, found.n_quarters, found.n_better, found.n_equal) == (8, 8, 6, 1)
    assert found.share == 0.75
    assert found.mean_difference == pytest.approx((6 * 1.0 - 0.5) / 8)


@pytest.mark.parametrize(
    "world",
    [USUAL, USUAL.under(spec(default=7)), USUAL.under(spec(default=20)), USUAL.under(spec())],
)
def test_there_is_no_comparison_with_defaults_that_are_unknown_untried_or_the_same(
    world: World,
) -> None:
    assert explained(world, 20).against_defaults is None


def test_less_drawdown_than_the_defaults_is_better() -> None:
    world = SPACE.but(fast(20), max_drawdown_frac_oos=0.05)
    found = explained(world, 20, objective_type="max_drawdown").against_defaults
    assert found is not None
    assert (found.n_better, found.mean_difference) == (10, pytest.approx(0.05))
    warnings = explained(world.under(spec(default=20)), 5, objective_type="max_drawdown").warnings
    assert "defaults_expected_better" in warnings


def test_the_answer_to_the_same_question_stands_beside() -> None:
    mine, other = explained(USUAL, 20).recommended, explained(USUAL, 5).recommended
    assert (mine.params, mine.same, mine.place) == ({"fast": 20}, True, 1)
    assert (other.params, other.same, other.place) == ({"fast": 20}, False, 1)
    assert mine.status == USUAL.answer().status
    none = explained(USUAL, 20, min_trades=1000).recommended
    assert (none.status, none.params, none.place, none.same) == ("none", None, None, False)


def test_what_was_never_tried_is_told_by_its_nearest_tested_sets() -> None:
    found = explained(sweep(10, ALL), 11)
    assert found.nearest[0].params == {"fast": 10}
    assert found.nearest[0].place == 2
    assert [near.steps for near in found.nearest] == sorted(n.steps for n in found.nearest)
    assert explained(sweep(10, ALL), 10).nearest == ()


@pytest.mark.parametrize(
    ("embargo_s", "code"), [(0.0, "params_without_evidence"), (1.0, "params_not_tested")]
)
def test_what_was_not_known_by_then_was_not_tried(embargo_s: float, code: str) -> None:
    moment = START + timedelta(days=91 * 4)
    late = fast(5) & window(0)
    world = USUAL.only(fast(20) | late).but(late, kb_status="rejected", known_at=moment)
    assert code in explained(world, 5, embargo_s=embargo_s, as_of=moment).reasons


def test_without_any_evidence_the_reasons_are_those_of_the_answer() -> None:
    nothing = USUAL.but(kb_status="rejected")
    found = explained(nothing, 20)
    assert found.reasons == nothing.answer().reasons == ("all_trials_rejected",)
    assert (found.n_sets, found.nearest, found.windows_used) == (0, (), 0)


def test_problems_with_the_spec_are_sentences() -> None:
    found = explained(USUAL.under(spec(high=15)), 20)
    assert len(found.problems) == 1
    assert found.problems[0].startswith("fast = 20")
    assert explained(USUAL, 20).problems == ()
