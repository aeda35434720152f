from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradingkb.ranking.evidence import Level, make_cells
from tradingkb.ranking.expected import Expected

from tradingkb.ranking.choose import (
    CHOICE_EPSILON,
    Choice,
    ChoiceSpread,
    Expectation,
    NumberSpread,
    choose,
    evidence_mass,
    expectation,
    few_trades_penalty,
    spreads,
    t_quantile,
    within,
)


def pick(
    score: list[float],
    promoted: tuple[int, ...] = (),
    allowed: tuple[int, ...] | None = None,
    nomination: list[int] | None = None,
) -> Choice | None:
    places = np.arange(len(score))
    return choose(
        np.array(score),
        np.isin(places, places if allowed is None else allowed),
        np.isin(places, promoted),
        places if nomination is None else np.array(nomination),
    )


@pytest.mark.parametrize(
    ("df", "expected"),
    [(1, 6.3138), (2, 2.9200), (3, 2.3534), (5, 2.0150), (10, 1.8125), (30, 1.6973)],
)
def test_quantiles_of_students_t_agree_with_the_tables_within_half_a_percent(
    df: int, expected: float
) -> None:
    assert t_quantile(0.95, df) == pytest.approx(expected, rel=5e-3)
    assert t_quantile(0.05, df) == pytest.approx(-expected, rel=5e-3)


def test_quantiles_of_students_t_end_at_the_normal_distribution() -> None:
    assert t_quantile(0.95, 10**6) == pytest.approx(1.644854, abs=1e-5)


def test_the_best_evidence_wins() -> None:
    assert pick([0.4, 0.6, 0.5]) == Choice(1, "evidence")


def test_nothing_allowed_is_no_choice() -> None:
    assert pick([0.4, 0.6], allowed=()) is None
    assert pick([]) is None


def test_a_set_that_is_not_allowed_is_never_chosen() -> None:
    assert pick([0.9, 0.6, 0.5], allowed=(1, 2)) == Choice(1, "evidence")


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_never_chosen(broken: float) -> None:
    assert pick([broken, 0.5]) == Choice(1, "evidence")
    assert pick([broken]) is None


def test_a_promoted_set_within_epsilon_of_the_best_is_preferred() -> None:
    assert pick([0.6, 0.6 - CHOICE_EPSILON], promoted=(1,)) == Choice(1, "promoted")
    assert pick([0.6, 0.6 - 1.01 * CHOICE_EPSILON], promoted=(1,)) == Choice(0, "evidence")


def test_a_promoted_set_that_is_best_anyway_wins_by_evidence() -> None:
    assert pick([0.6, 0.599], promoted=(0,)) == Choice(0, "evidence")


def test_a_promoted_set_beats_an_equal_one_by_its_status() -> None:
    assert pick([0.6, 0.6], promoted=(1,)) == Choice(1, "promoted")


def test_among_equal_sets_the_one_nominated_first_wins() -> None:
    assert pick([0.6, 0.6, 0.1], nomination=[2, 1, 0]) == Choice(1, "nomination")


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=20),
    st.data(),
)
def test_the_order_of_the_sets_does_not_change_the_choice(
    rows: list[tuple[float, bool, bool]], data: st.DataObject
) -> None:
    def chosen(order: list[int]) -> tuple[int, str] | None:
        score, allowed, promoted = (np.array([rows[i][k] for i in order]) for k in range(3))
        found = choose(score, allowed, promoted, np.array(order))
        return (order[found.pset], found.rule) if found else None

    straight = list(range(len(rows)))
    assert chosen(data.draw(st.permutations(straight))) == chosen(straight)


def test_an_expectation_quotes_windows_quarters_and_an_interval_from_its_variance() -> None:
    windows, utilities = np.arange(20), np.repeat([1.0, 3.0, 4.0, 6.0, 8.0], 4)
    zeros, quarter = np.zeros(20, dtype=np.int64), np.repeat([0, 0, 1, 2, 2], 4)
    cells = make_cells(windows, zeros, utilities, quarter, 2)
    shrunk = Expected(np.array([3.0, 1.0]), np.array([0.25, 9.0]), 3)
    everywhere, own = np.ones(20, dtype=bool), np.arange(20) < 2
    found = expectation(cells, shrunk, 0, everywhere, own, 1.0)
    assert found.value == 3.0
    # Student's t with two degrees of freedom at 95 %, times the square root of 0.25.
    assert found.high - found.value == pytest.approx(2.9200 * 0.5, rel=1e-4)
    assert found.value - found.low == pytest.approx(2.9200 * 0.5, rel=1e-4)
    assert (found.window_low, found.window_high) == pytest.approx((1.0, 8.0))
    assert (found.n_windows, found.n_quarters, found.own_windows) == (20, 3, 2)
    assert not found.from_neighbours

    mirrored = expectation(cells, shrunk, 0, everywhere, own, -1.0)
    assert mirrored.value == -3.0
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    assert (mirrored.window_low, mirrored.window_high) == pytest.approx((-8.0, -1.0))

    fewer = expectation(cells, shrunk, 0, windows != 3, own, 1.0)
    assert fewer.n_windows == 19
    assert fewer.window_low is fewer.window_high is None


def test_an_expectation_says_when_the_set_was_never_tried() -> None:
    one, zero = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    cells = make_cells(zero, zero, np.array([1.0]), one, 2)
    shrunk = Expected(np.array([1.0, 0.5]), None, 1)
    found = expectation(cells, shrunk, 1, np.array([True]), np.array([False]), 1.0)
    assert (found.value, found.n_windows, found.from_neighbours) == (0.5, 0, True)
    assert found.low is found.high is found.window_low is found.window_high is None


@pytest.mark.parametrize(
    "shrunk",
    [
        Expected(np.ones(1), np.ones(1), 1),
        Expected(np.ones(1), None, 9),
    ],
    ids=["one quarter", "no variance"],
)
def test_too_little_evidence_gives_no_interval(shrunk: Expected) -> None:
    pair, zeros = np.arange(2), np.zeros(2, dtype=np.int64)
    cells = make_cells(pair, zeros, np.array([1.0, 2.0]), zeros, 1)
    found = expectation(cells, shrunk, 0, np.ones(2, bool), np.zeros(2, bool), 1.0)
    assert found.low is found.high is None
    assert found.n_windows == 2


def test_few_trades_are_cheap_and_an_unknown_number_costs_the_average() -> None:
    assert few_trades_penalty(np.array([5.0, math.nan, 50.0, 5.0])).tolist() == pytest.approx(
        [1 / 3, 0.5, 5 / 6, 1 / 3]
    )
    assert few_trades_penalty(np.array([math.nan])).tolist() == [0.5]


def test_spreads_summarise_the_best_allowed_sets_per_parameter() -> None:
    psets = [{"n": 10, "m": "a"}, {"n": 20, "m": "b"}, {"n": 90, "m": "b"}, {"n": 30, "m": "b"}]
    score, allowed = np.array([0.9, 0.8, 0.95, 0.7]), np.array([True, True, False, True])
    assert spreads(psets, score, allowed, top=2) == {
        "m": ChoiceSpread(counts={"a": 1, "b": 1}, n=2),
        "n": NumberSpread(min=10, median=15.0, max=20, n=2),
    }
    assert spreads(psets, score, allowed)["m"]["counts"] == {"b": 2, "a": 1}
    assert spreads([], np.zeros(0), np.zeros(0, dtype=bool)) == {}


def test_a_sets_evidence_counts_half_once_it_is_as_large_as_the_neutral_belief() -> None:
    everything = Level(np.zeros(3), np.array([0.0, 2.0, 1e9]))
    assert evidence_mass(everything, 2.0).tolist() == pytest.approx([0.0, 0.5, 1.0])


def students_t(t: float, df: int) -> float:
    """Distribution function of Student's t for even degrees of freedom, a finite sum."""
    angle = math.atan(t / math.sqrt(df))
    term = total = 1.0
    for j in range(1, df // 2):
        term *= (2 * j - 1) / (2 * j) * math.cos(angle) ** 2
        total += term
    return 0.5 + math.sin(angle) / 2 * total


@pytest.mark.parametrize("df", [4, 6, 10, 20, 40])
@pytest.mark.parametrize("p", [0.5, 0.6, 0.75, 0.9, 0.95])
def test_a_quantile_put_into_its_distribution_gives_back_the_probability(p: float, df: int) -> None:
    # The expansion ends at the fourth power of 1 / df, so its error falls with the fifth.
    bound = 2.5e-5 * (4 / df) ** 5
    assert students_t(t_quantile(p, df), df) == pytest.approx(p, rel=0, abs=bound)
    assert students_t(t_quantile(1 - p, df), df) == pytest.approx(1 - p, rel=0, abs=bound)


def test_a_set_that_is_better_by_less_than_epsilon_wins_by_evidence_all_the_same() -> None:
    assert pick([0.5, 0.5 + CHOICE_EPSILON / 2]) == Choice(1, "evidence")
    both = pick([0.5, 0.5 + CHOICE_EPSILON / 2], promoted=(0, 1))
    assert both == Choice(1, "evidence")


def test_an_expectation_says_what_shrinking_did_to_the_mean_over_quarters() -> None:
    windows, zeros = np.arange(5), np.zeros(5, dtype=np.int64)
    quarter = np.array([0, 0, 0, 1, 2])
    cells = make_cells(windows, zeros, np.array([1.0, 2.0, 3.0, 8.0, 5.0]), quarter, 1)
    shrunk = Expected(np.array([4.0]), np.array([0.25]), 3)
    everywhere, nobody = np.ones(5, dtype=bool), np.zeros(5, dtype=bool)
    found = expectation(cells, shrunk, 0, everywhere, nobody, 1.0)
    assert (found.unshrunk, found.shrinkage) == (5.0, -1.0)  # the mean of 2, 8 and 5
    mirrored = expectation(cells, shrunk, 0, everywhere, nobody, -1.0)
    assert (mirrored.unshrunk, mirrored.shrinkage) == (-5.0, 1.0)
    fewer = expectation(cells, shrunk, 0, windows < 4, nobody, 1.0)
    assert (fewer.unshrunk, fewer.shrinkage) == (5.0, -1.0)  # the mean of 2 and 8
    never = expectation(cells, shrunk, 0, nobody, nobody, 1.0)
    assert never.unshrunk is never.shrinkage is None


def test_an_expectation_counts_instruments_that_are_known_and_each_once() -> None:
    windows, zeros = np.arange(5), np.zeros(5, dtype=np.int64)
    cells = make_cells(windows, zeros, np.ones(5), zeros, 1)
    shrunk, nobody = Expected(np.ones(1), None, 1), np.zeros(5, dtype=bool)
    symbols = np.array(["A", "B", None, "A", "C"], dtype=object)
    everywhere = expectation(cells, shrunk, 0, windows >= 0, nobody, 1.0, symbols)
    some = expectation(cells, shrunk, 0, windows < 4, nobody, 1.0, symbols)
    unknown = expectation(cells, shrunk, 0, windows >= 0, nobody, 1.0)
    assert (everywhere.n_symbols, some.n_symbols, unknown.n_symbols) == (3, 2, 0)


def test_two_quarters_are_enough_for_an_interval() -> None:
    pair, zeros = np.arange(2), np.zeros(2, dtype=np.int64)
    cells = make_cells(pair, zeros, np.array([1.0, 2.0]), pair, 1)
    shrunk = Expected(np.ones(1), np.array([0.25]), 2)
    found = expectation(cells, shrunk, 0, np.ones(2, bool), np.zeros(2, bool), 1.0)
    # Student's t with one degree of freedom at 95 %.
    assert (found.low, found.high) == pytest.approx((1 - 6.3138 * 0.5, 1 + 6.3138 * 0.5), rel=1e-4)


def test_spreads_are_over_the_ten_best_sets_and_the_earlier_of_equal_ones() -> None:
    psets = [{"n": n} for n in range(40)]
    everything = np.ones(40, dtype=bool)
    assert spreads(psets, np.zeros(40), everything) == {"n": NumberSpread(0, 4.5, 9, 10)}
    odd_ones_first = spreads(psets, np.arange(40) % 2 * 1.0, everything)
    assert odd_ones_first == {"n": NumberSpread(1, 10.0, 19, 10)}
    rising = spreads(psets, np.arange(40.0), everything, top=3)
    assert rising == {"n": NumberSpread(37, 38.0, 39, 3)}


def test_values_stand_in_the_order_of_their_counts_and_then_of_their_names() -> None:
    psets = [{"m": m} for m in ("b", "d", "c", "c", "b", "a", "c")]
    found = spreads(psets, np.zeros(7), np.ones(7, dtype=bool))["m"]
    assert list(found["counts"].items()) == [("c", 3), ("b", 2), ("a", 1), ("d", 1)]


def test_an_interval_holds_nothing_that_the_objective_cannot_be() -> None:
    wide = Expectation(
        value=1.2,
        low=-2.0,
        high=4.4,
        window_low=-0.1,
        window_high=12.0,
        n_windows=20,
        n_quarters=5,
        own_windows=0,
        unshrunk=1.5,
        shrinkage=-0.3,
    )
    found = within(wide, 0.0, 10.0)
    assert (found.low, found.high, found.window_low, found.window_high) == (0.0, 4.4, 0.0, 10.0)
    assert (found.value, found.unshrunk) == (1.2, 1.5)
    assert found.shrinkage == pytest.approx(-0.3)
    assert within(wide, -math.inf, math.inf).low == -2.0
    unknown = within(replace(wide, low=None, high=None, value=-0.5), 0.0, 1.0)
    assert (unknown.low, unknown.high, unknown.value, unknown.shrinkage) == (None, None, 0.0, -1.5)
