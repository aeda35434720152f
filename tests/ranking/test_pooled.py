from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.ranking.pooled import (
    UNKNOWN_SPREAD,
    Pooled,
    decision_weights,
    fit_pooled,
    intraclass,
)

#: (won, strategy, band, quarter)
decisions = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(0, 3),
        st.integers(0, 2),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=60,
)
Rows = list[tuple[float, int, int, int]]


def fitted(rows: Rows) -> Pooled:
    won, strategy, band, quarter = (np.array(c) for c in zip(*rows, strict=True))
    return fit_pooled(won, strategy, band, quarter)


def drawn(seed: int, rates: np.ndarray, per_quarter: int = 20, quarters: int = 40) -> Pooled:
    """Independent decisions of strategies with these rates, two bands without a difference."""
    rng = np.random.default_rng(seed)
    quarter = np.repeat(np.arange(quarters), per_quarter)
    strategy, band = (rng.integers(0, k, len(quarter)) for k in (len(rates), 2))
    return fit_pooled((rng.random(len(quarter)) < rates[strategy]) * 1.0, strategy, band, quarter)


def test_correlation_by_hand() -> None:
    # Cells (1, 1), (0, 0) and (1, 0): squares within 0.5 on 3 degrees of freedom, between 1 on 2.
    values, cell = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1, 2, 2])
    found = intraclass(values, np.zeros(6, dtype=int), cell)
    within, shared = 0.5 / 3, (0.5 - 0.5 / 3) / 2
    high = shared + 0.5 / 2  # the standard error of half of 0.5, on 2 degrees of freedom
    assert found is not None
    assert found.variance == pytest.approx(within + shared)
    assert found.within == pytest.approx(high / (high + within))


def test_the_correlation_is_not_told_without_two_values_in_a_cell_or_cells_or_differences() -> None:
    y, one = np.array([1.0, 0.0, 1.0]), np.zeros(3, dtype=int)
    assert intraclass(y, one, np.arange(3)) is None
    assert intraclass(y, one, one) is None
    assert intraclass(one * 1.0, one, np.array([0, 0, 1])) is None


def test_the_correlation_of_many_quarters_is_found() -> None:
    rng = np.random.default_rng(1)
    quarter = np.repeat(np.arange(2000), 10)
    y = (rng.normal(0, 1, 2000)[quarter] + rng.normal(0, 2, len(quarter))) * 1.0
    found = intraclass(y, np.zeros(len(y), dtype=int), quarter)
    assert found is not None
    assert found.within == pytest.approx(0.2, abs=0.02)
    assert found.variance == pytest.approx(5.0, rel=0.05)


def test_a_quarters_decisions_count_together_at_most_the_inverse_of_their_correlation() -> None:
    quarter = np.repeat([3, 8], [1, 5000])
    weight = decision_weights(quarter, 0.1)
    assert weight[0] == 1.0
    assert weight[1:].sum() == pytest.approx(10.0, rel=0.01)
    assert weight[1:].sum() < 10.0
    assert decision_weights(quarter, 0.0).tolist() == [1.0] * 5001


def test_the_base_rate_by_hand() -> None:
    # One decision a quarter: nothing is correlated, and one decision's worth of 1/2 is added.
    found = fitted([(1.0, 0, 0, q) for q in range(6)] + [(0.0, 0, 0, q) for q in range(6, 9)])
    base = found.groups[()]
    assert (base.value, base.n, base.n_quarters) == (pytest.approx(6.5 / 10), 9, 9)
    assert base.variance == pytest.approx(0.65 * 0.35 / 11)


def test_a_strategys_rate_and_its_variance_by_hand() -> None:
    # Two strategies, 100 single decisions each, won 80 and 40 times: rates 0.8 and 0.4 around 0.6.
    rows = [(float(k % 10 < 8), 0, 0, k) for k in range(100)]
    rows += [(float(k % 10 < 4), 1, 0, 100 + k) for k in range(100)]
    found = fitted(rows)
    base = (120 + 0.5) / 201
    # Nothing was decided twice in a quarter, so the noise is that of a coin, 1/4.
    spread = (2 * 100 * 0.2**2 - 0.25) / (200 - 100)
    share = 100 / (100 + base * (1 - base) / spread)
    assert found.rungs[1].spread == pytest.approx(spread)
    assert found.group(0, 0).value == pytest.approx(base + share * (0.8 - base))
    assert found.group(1, 0).value == pytest.approx(base + share * (0.4 - base))
    assert (found.group(0, 0).n, found.group(0, 0).depth) == (100, 1)
    # The interval allows for a spread one standard error larger, and for the doubt of the base.
    high = spread + 2**0.5 * (spread + 0.25 / 100)
    loose = 100 / (100 + base * (1 - base) / min(high, UNKNOWN_SPREAD))
    value, doubt = found.groups[(0,)].value, found.groups[()].variance
    own = loose * value * (1 - value) / 100 + (1 - loose) ** 2 * doubt
    assert found.groups[(0,)].variance == pytest.approx(own)


def test_however_far_strategies_are_apart_everyone_counts_as_one_decision_of_each() -> None:
    found = fitted([(float(k < 200), k // 200, 0, k) for k in range(400)])
    assert found.rungs[1].spread > 0.25
    assert found.groups[(0,)].value == pytest.approx(200.5 / 201)
    assert found.groups[(1,)].value == pytest.approx(0.5 / 201)


def test_groups_that_differ_no_more_than_luck_have_their_parents_rate_and_rest_on_its_decisions():
    rows = [(float(k % 2), k // 2 % 3, 0, k) for k in range(300)]
    found = fitted(rows)
    base = found.groups[()]
    assert found.rungs[1].spread == 0.0
    for strategy in range(3):
        group = found.group(strategy, 0)
        assert (group.value, group.n, group.depth) == (base.value, 300, 0)


def test_without_information_every_rate_is_close_to_the_base_rate() -> None:
    far = []
    for seed in range(20):
        found = drawn(seed, np.full(6, 0.55))
        far += [abs(g.value - found.groups[()].value) for g in found.groups.values()]
    assert np.mean(far) < 0.012
    assert np.quantile(far, 0.95) < 0.05


def test_where_strategies_differ_their_rates_separate_and_bands_that_do_not_stay_together() -> None:
    rates = np.array([0.35, 0.45, 0.55, 0.75])
    found = drawn(3, rates, per_quarter=60)
    values = np.array([found.group(s, 0).value for s in range(4)])
    np.testing.assert_allclose(values, rates, atol=0.05)
    assert (np.diff(values) > 0.04).all()
    for s in range(4):
        assert found.group(s, 0).value == pytest.approx(found.group(s, 1).value, abs=0.03)


def test_bands_separate_within_a_strategy_where_they_differ() -> None:
    rng = np.random.default_rng(4)
    quarter = np.repeat(np.arange(40), 40)
    strategy, band = rng.integers(0, 2, len(quarter)), rng.integers(0, 3, len(quarter))
    true = np.array([[0.4, 0.5, 0.6], [0.5, 0.6, 0.7]])[strategy, band]
    found = fit_pooled((rng.random(len(true)) < true) * 1.0, strategy, band, quarter)
    for s in range(2):
        low, middle, high = (found.group(s, b).value for b in range(3))
        assert high - low > 0.1
        assert low < middle < high
        assert found.group(s, 1).depth == 2


def test_the_spread_between_strategies_is_found() -> None:
    rng = np.random.default_rng(5)
    spreads = [
        drawn(seed, np.clip(rng.normal(0.5, 0.1, 12), 0.05, 0.95)).rungs[1].spread
        for seed in range(40)
    ]
    assert np.mean(spreads) == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
def test_intervals_hold_the_true_rates_about_as_often_as_they_say_or_more(spread: float) -> None:
    rng, hits = np.random.default_rng(6), []
    for seed in range(40):
        rates = rng.normal(0.55, spread, 6)
        found = drawn(seed, rates, per_quarter=30)
        groups = [found.group(s, 0) for s in range(6)]
        hits += [
            abs(g.value - r) < 1.645 * g.variance**0.5 for g, r in zip(groups, rates, strict=True)
        ]
    assert np.mean(hits) > 0.88


def test_what_moves_a_whole_quarter_widens_the_base_rates_interval_until_it_holds() -> None:
    rng, hits = np.random.default_rng(7), []
    quarter = np.repeat(np.arange(24), 40)
    zero = np.zeros(len(quarter), dtype=int)
    for _ in range(200):
        rate = np.clip(rng.normal(0.55, 0.15, 24), 0, 1)[quarter]
        base = fit_pooled((rng.random(len(rate)) < rate) * 1.0, zero, zero, quarter).groups[()]
        hits.append(abs(base.value - 0.55) < 1.645 * base.variance**0.5)
    assert np.mean(hits) == pytest.approx(0.9, abs=0.06)


def test_more_decisions_of_the_same_quarters_add_no_certainty_without_bound() -> None:
    rng = np.random.default_rng(8)
    rate = np.clip(rng.normal(0.5, 0.15, 20), 0, 1)

    def deviation(per_quarter: int) -> float:
        quarter = np.repeat(np.arange(20), per_quarter)
        won = (np.random.default_rng(9).random(len(quarter)) < rate[quarter]) * 1.0
        zero = np.zeros(len(quarter), dtype=int)
        return fit_pooled(won, zero, zero, quarter).groups[()].variance ** 0.5

    bound = 0.15 / 20**0.5
    assert deviation(50) > bound
    assert deviation(5000) > bound
    assert deviation(5000) > 0.8 * deviation(500)


@settings(max_examples=40)
@given(decisions)
def test_deciding_the_same_again_in_the_same_quarters_adds_no_certainty_without_bound(
    rows: Rows,
) -> None:
    # Copies agree with each other entirely: what they add is correlation, and not evidence.
    many, twice_as_many = fitted(rows * 100).groups[()], fitted(rows * 200).groups[()]
    assert twice_as_many.n == 2 * many.n
    assert twice_as_many.variance > 0.9 * many.variance


def test_quarters_that_all_went_the_same_way_are_as_many_decisions_as_there_are_quarters() -> None:
    found = fitted([(1.0, 0, 0, k % 8) for k in range(800)])
    assert found.groups[()].value == pytest.approx(8.5 / 9)


@given(decisions)
def test_rates_are_probabilities_between_the_parents_and_the_best_or_worst(rows: Rows) -> None:
    found = fitted(rows)
    for key, group in found.groups.items():
        assert 0 < group.value < 1
        assert 0 < group.variance < 0.25
        if key:
            won = [row[0] for row in rows if row[1 : 1 + len(key)] == key]
            ends = [min(won), max(won), found.groups[key[:-1]].value]
            assert min(ends) - 1e-12 <= group.value <= max(ends) + 1e-12


@given(decisions)
def test_an_unknown_strategy_has_the_base_rate_and_an_interval_wider_than_any_known_ones(
    rows: Rows,
) -> None:
    found = fitted(rows)
    base, unknown = found.groups[()], found.group(99, 0)
    assert (unknown.value, unknown.n, unknown.depth) == (base.value, base.n, 0)
    assert unknown.variance >= base.variance
    known_strategies = [g.variance for key, g in found.groups.items() if len(key) == 1]
    assert found.rungs[1].spread_high + base.variance >= max(known_strategies) - 1e-12


def test_one_strategy_alone_tells_nothing_about_another() -> None:
    found = fitted([(float(k % 2), 0, 0, k) for k in range(400)])
    assert found.group(1, 0).variance > UNKNOWN_SPREAD
    assert found.group(0, 0).variance < 0.001


def test_an_unknown_band_has_its_strategys_rate() -> None:
    found = drawn(10, np.array([0.3, 0.7]))
    for strategy in range(2):
        known, unknown = found.groups[(strategy,)], found.group(strategy, 77)
        assert (unknown.value, unknown.n) == (known.value, known.n)
        assert unknown.variance > known.variance


@given(decisions)
def test_rates_of_many_are_the_rates_of_each(rows: Rows) -> None:
    found = fitted(rows)
    asked = [*((row[1], row[2]) for row in rows), (99, 0), (0, 99)]
    strategy, band = (np.array(c) for c in zip(*asked, strict=True))
    assert found.rates(strategy, band).tolist() == [found.group(s, b).value for s, b in asked]
