"""What one set is expected to earn, in the objective's own direction and unit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.cells import Floats, cells_of, keys_of, learnt_of, trials_of
from tradingkb.ranking.expectation import (
    MIN_SPREAD_WINDOWS,
    Expectation,
    expectation,
    t_quantile,
    within,
)
from tradingkb.ranking.posterior import Posterior
from tradingkb.ranking.study import Learnt


def posterior(
    value: list[float], variance: list[float] | None = None, freedom: float = 2.0
) -> Posterior:
    apart = np.zeros(len(value))
    if variance is None:
        return Posterior(np.array(value), apart, None, None)
    return Posterior(np.array(value), apart, np.array(variance), np.full(len(value), freedom))


def learnt_from(
    table: Floats, quarter: list[int] | None = None, symbol: list[int] | None = None
) -> Learnt:
    quarters = list(range(len(table))) if quarter is None else quarter
    cells = cells_of(trials_of(table), quarters, table.shape[1])
    return learnt_of(cells, keys_of(quarters, symbol))


def flags(n: int, *true: int) -> np.ndarray:
    return np.isin(np.arange(n), true)


ONE = learnt_from(np.array([[1.0], [2.0], [3.0], [8.0], [5.0]]), [0, 0, 0, 1, 2])
EVERYWHERE, NOWHERE = np.ones(5, dtype=bool), np.zeros(5, dtype=bool)


def test_the_interval_is_centred_on_the_value_by_students_t_and_its_variance() -> None:
    shrunk = posterior([3.0], [0.25], freedom=2.0)
    found = expectation(ONE, shrunk, 0, EVERYWHERE, flags(5, 0, 1), 1.0)
    assert found.value == 3.0
    # Student's t with two degrees of freedom at 95 %, times the square root of 0.25.
    assert found.high - found.value == pytest.approx(2.9200 * 0.5, rel=1e-4)
    assert found.value - found.low == pytest.approx(2.9200 * 0.5, rel=1e-4)
    assert found.level == 0.9
    assert (found.n_windows, found.n_quarters, found.own_windows) == (5, 3, 2)
    assert not found.from_neighbours


def test_the_interval_of_a_set_is_by_its_own_variance_and_degrees_of_freedom() -> None:
    learnt = learnt_from(np.arange(10.0).reshape(5, 2))
    both = replace(posterior([3.0, 3.0], [0.25, 4.0]), freedom=np.array([1.0, 2.0]))
    one, other = (expectation(learnt, both, p, EVERYWHERE, NOWHERE, 1.0) for p in (0, 1))
    assert one.high - one.low == pytest.approx(2 * 6.3138 * 0.5, rel=1e-4)
    assert other.high - other.low == pytest.approx(2 * 2.9200 * 2.0, rel=1e-4)


def test_an_objective_to_minimise_is_the_mirror_image_of_one_to_maximise() -> None:
    table = np.random.default_rng(0).normal(size=(30, 4)) ** 3
    learnt, own = learnt_from(table, symbol=[0, 1, 2] * 10), flags(30, 0, 3, 6)
    shrunk = posterior([0.5] * 4, [0.25] * 4)
    one, other = (
        expectation(learnt, shrunk, 1, np.ones(30, dtype=bool), own, sign) for sign in (1.0, -1.0)
    )
    assert other.value == -one.value
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))
    assert (other.window_low, other.window_high) == pytest.approx(
        (-one.window_high, -one.window_low)
    )
    assert (other.unshrunk, other.shrinkage) == pytest.approx((-one.unshrunk, -one.shrinkage))
    assert one.window_low < one.value < one.window_high


def test_without_a_variance_there_is_no_interval() -> None:
    found = expectation(ONE, posterior([3.0]), 0, EVERYWHERE, NOWHERE, 1.0)
    assert found.low is found.high is None
    assert found.n_windows == 5


def test_a_set_that_was_never_tried_is_known_from_its_neighbours() -> None:
    table = np.column_stack([np.arange(5.0), np.full(5, np.nan)])
    found = expectation(learnt_from(table), posterior([1.0, 0.5]), 1, EVERYWHERE, flags(5, 0), 1.0)
    assert (found.value, found.n_windows, found.n_quarters, found.own_windows) == (0.5, 0, 0, 0)
    assert found.from_neighbours
    assert found.unshrunk is found.shrinkage is found.window_low is found.window_high is None


def test_it_says_what_shrinking_did_to_the_mean_over_quarters() -> None:
    shrunk = posterior([4.0], [0.25])
    found = expectation(ONE, shrunk, 0, EVERYWHERE, NOWHERE, 1.0)
    assert (found.unshrunk, found.shrinkage) == (5.0, -1.0)  # the mean of 2, 8 and 5
    fewer = expectation(ONE, shrunk, 0, flags(5, 0, 1, 2, 3), NOWHERE, 1.0)
    assert (fewer.unshrunk, fewer.shrinkage) == (5.0, -1.0)  # the mean of 2 and 8
    never = expectation(ONE, shrunk, 0, NOWHERE, NOWHERE, 1.0)
    assert never.unshrunk is never.shrinkage is None
    assert never.from_neighbours


def test_instruments_that_are_known_count_and_each_once() -> None:
    shrunk = posterior([1.0])
    symbols = np.array(["A", "B", None, "A", "C"], dtype=object)
    everywhere = expectation(ONE, shrunk, 0, EVERYWHERE, NOWHERE, 1.0, symbols)
    some = expectation(ONE, shrunk, 0, flags(5, 0, 1, 2, 3), NOWHERE, 1.0, symbols)
    unknown = expectation(ONE, shrunk, 0, EVERYWHERE, NOWHERE, 1.0)
    assert (everywhere.n_symbols, some.n_symbols, unknown.n_symbols) == (3, 2, 0)


# --- the spread of single windows -----------------------------------------------------------------


def test_single_windows_are_quoted_from_twenty_on() -> None:
    n = MIN_SPREAD_WINDOWS
    learnt = learnt_from(np.random.default_rng(0).normal(size=(n, 2)))
    enough = expectation(learnt, posterior([0.0] * 2), 0, np.ones(n, bool), flags(n), 1.0)
    fewer = expectation(learnt, posterior([0.0] * 2), 0, np.arange(n) > 0, flags(n), 1.0)
    assert enough.window_low < enough.window_high
    assert fewer.window_low is fewer.window_high is None
    assert fewer.n_windows == n - 1


@pytest.mark.parametrize("own", [(), (0, 1)])
@pytest.mark.parametrize("value", [-3.0, 0.0, 40.0])
def test_single_windows_spread_around_what_is_expected_as_they_did_around_their_middle(
    value: float, own: tuple[int, ...]
) -> None:
    luck = np.random.default_rng(0).exponential(size=101)
    learnt = learnt_from((7.0 + luck)[:, None] + np.array([0.0, 0.5]))
    shrunk, everywhere = posterior([value] * 2), np.ones(101, dtype=bool)
    found = expectation(learnt, shrunk, 0, everywhere, flags(101, *own), 1.0)
    low, high = np.quantile(luck - np.median(luck), [0.1, 0.9])
    assert (found.window_low, found.window_high) == pytest.approx((value + low, value + high))


def test_single_windows_are_as_wild_as_the_instrument() -> None:
    quarter, symbol = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    luck = np.random.default_rng(1).normal(size=80) * np.where(symbol == 0, 1.0, 5.0)
    learnt = learnt_from(luck[:, None] + np.array([0.0, 0.1]), quarter.tolist(), symbol.tolist())
    shrunk, everywhere = posterior([0.0] * 2), np.ones(80, dtype=bool)

    def width(own: np.ndarray) -> float:
        found = expectation(learnt, shrunk, 0, everywhere, own, 1.0)
        return float(found.window_high - found.window_low)

    calm, anyone, wild = (width(own) for own in (symbol == 0, flags(80), symbol == 1))
    assert calm < anyone < wild
    spread = 2 * 1.2816  # of a normal distribution, from 10 % to 90 %
    assert calm == pytest.approx(1.0 * spread, rel=0.4)
    assert wild == pytest.approx(5.0 * spread, rel=0.25)


def test_an_instrument_with_little_history_is_hardly_wilder_than_the_others() -> None:
    symbol = np.array([0] * 40 + [1])
    luck = np.random.default_rng(1).normal(size=41)
    luck[40] = 6.0
    learnt = learnt_from(luck[:, None] + np.array([0.0, 0.1]), symbol=symbol.tolist())
    widths = []
    for own in (symbol == 0, symbol == 1):
        found = expectation(learnt, posterior([0.0] * 2), 0, np.ones(41, bool), own, 1.0)
        widths.append(found.window_high - found.window_low)
    assert 1.0 < widths[1] / widths[0] < 3.5


# --- Student's t ----------------------------------------------------------------------------------


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


def test_more_degrees_of_freedom_never_widen_an_interval() -> None:
    found = [t_quantile(0.95, df) for df in (1.0, 1.5, 2.0, 2.7, 3.0, 3.5, 8.0, 40.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] == found[1] and found[2] == found[3]


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
