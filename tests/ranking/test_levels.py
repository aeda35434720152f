"""What windows do to every set alike: its mean over quarters, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.ranking.cells import Floats, keys_of
from tradingkb.ranking.blocks import overlaps
from tradingkb.ranking.contrasts import Contrasts
from tradingkb.ranking.levels import Levels, levels_of


def found_in(
    level: Sequence[float],
    quarter: Sequence[int],
    symbol: Sequence[int] | None = None,
    credible: Sequence[float] | None = None,
    windows: Sequence[int] | None = None,
    days: float = 90.0,
) -> Levels:
    """Levels of windows whose level is known."""
    n = len(level)
    ones = np.ones(n)
    parts = Contrasts(
        np.zeros(0),
        np.array(level, dtype=np.float64),
        ones if credible is None else np.array(credible, dtype=np.float64),
        ones,
        np.ones(1, dtype=bool),
    )
    keys = keys_of(quarter, symbol, days=days)
    some = np.arange(n) if windows is None else np.array(windows, dtype=np.int64)
    n_quarters = max(quarter, default=-1) + 1
    overlap = overlaps(keys, keys.quarter, n_quarters, some)
    return levels_of(parts, keys, some, keys.quarter, overlap)


def market(n_quarters: int, per: int, between: float, within: float, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    shocks = np.repeat(between * rng.normal(size=n_quarters), per)
    return 5.0 + shocks + within * rng.normal(size=n_quarters * per)


def test_one_window_per_quarter_makes_the_plain_mean_and_its_variance() -> None:
    found = found_in([1.0, 2.0, 6.0], [0, 1, 2])
    assert found.mean == 3.0
    assert found.noise == pytest.approx(7.0)
    assert found.variance == pytest.approx(7.0 / 3)
    assert found.freedom == pytest.approx(2.0)
    assert found.around.tolist() == [-2.0, -1.0, 3.0]
    assert found.left.tolist() == [0.0, 0.0, 0.0]


def test_where_the_market_moves_all_windows_of_a_quarter_alike_quarters_count_equally() -> None:
    level = [0.0] * 8 + [8.0, 8.0]
    found = found_in(level, [0] * 8 + [1] * 2)
    assert found.mean == pytest.approx(4.0)
    assert found.freedom == pytest.approx(1.0)


def test_where_quarters_do_not_differ_their_windows_count() -> None:
    found = found_in([1.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0], [0, 0, 0, 0, 0, 0, 1, 1])
    assert found.mean == pytest.approx(2.0)
    apart = found_in([1.0, 3.0, 2.0, 1.0, 3.0, 2.0, 0.9, 2.9], [0, 0, 0, 0, 0, 0, 1, 1])
    assert apart.mean == pytest.approx(np.mean([1, 3, 2, 1, 3, 2, 0.9, 2.9]))


def test_a_quarter_counts_by_its_windows_as_far_as_they_differ_among_themselves() -> None:
    level = [1.0, -1.0] * 4 + [4.0, 2.0]  # quarters of means 0 and 3
    found = found_in(level, [0] * 8 + [1] * 2)
    within = 10 / 8
    between = np.var([0.0, 3.0], ddof=1) - within * np.mean([1 / 8, 1 / 2])
    counts = np.array([8, 2]) / (np.array([8, 2]) + within / between)
    assert found.mean == pytest.approx(3.0 * counts[1] / counts.sum())


@pytest.mark.parametrize(("between", "within"), [(2.0, 0.5), (1.0, 3.0)])
def test_the_variance_of_the_mean_is_what_worlds_show(between: float, within: float) -> None:
    quarter = np.repeat(np.arange(20), 4).tolist()
    found = [found_in(market(20, 4, between, within, s), quarter) for s in range(150)]
    errors = np.array([f.mean - 5.0 for f in found])
    variance = [f.variance for f in found if f.variance is not None]
    assert np.mean(variance) == pytest.approx((errors**2).mean(), rel=0.25)


def test_windows_that_share_days_are_less_sure_than_their_number_says() -> None:
    level, quarter = market(20, 1, 1.0, 0.0), list(range(20))
    apart, across = found_in(level, quarter), found_in(level, quarter, days=360.0)
    assert across.mean == pytest.approx(apart.mean)
    assert apart.freedom == pytest.approx(19.0)
    assert 3.0 < across.freedom < 8.0
    assert across.variance > 2 * apart.variance


def test_a_window_counts_as_far_as_it_is_credible() -> None:
    found = found_in([1.0, 3.0, 101.0], [0, 0, 0], credible=[1.0, 1.0, 1e-6])
    assert found.mean == pytest.approx(2.0, abs=1e-3)


def test_only_the_windows_that_are_asked_for_are_known() -> None:
    found = found_in([1.0, 2.0, np.nan, 6.0], [0, 1, 1, 2], windows=[0, 1, 3])
    assert found.mean == 3.0
    assert found.around.tolist() == [-2.0, -1.0, 0.0, 3.0]


def test_one_quarter_does_not_say_how_far_the_next_one_may_be() -> None:
    found = found_in([1.0, 2.0], [0, 0])
    assert (found.mean, found.variance, found.noise, found.freedom) == (1.5, None, 0.0, 1.0)


def test_no_windows_have_no_levels() -> None:
    found = found_in([1.0, 2.0], [0, 1], windows=[])
    assert (found.mean, found.variance, found.freedom) == (0.0, None, 1.0)
    assert found.left.tolist() == found.around.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("symbol", "concentration"),
    [([0, 0, 0, 0], 1.0), ([0, 1, 2, 3], 0.25), ([0, 0, 1, 1], 0.5), ([-1, -1, -1, -1], 0.25)],
)
def test_the_mean_is_as_concentrated_as_its_instruments_and_unknown_ones_are_each_their_own(
    symbol: list[int], concentration: float
) -> None:
    found = found_in([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1], symbol)
    assert found.concentration == pytest.approx(concentration)


def test_instruments_that_differ_are_found_beside_the_market_of_their_quarters() -> None:
    quarter, symbol = np.repeat(np.arange(12), 10).tolist(), np.tile(np.arange(10), 12).tolist()
    shocks = np.repeat(10 * np.random.default_rng(1).normal(size=12), 10)
    noise = np.random.default_rng(2).normal(size=120)
    own = np.random.default_rng(3).normal(0, 3, 10)
    differ = found_in(shocks + noise + own[symbol], quarter, symbol).instruments
    alike = found_in(shocks + noise, quarter, symbol).instruments
    assert differ.sure > 1.0
    assert differ.variance == pytest.approx(own.var(ddof=1), rel=0.3)
    assert differ.noise == pytest.approx(1.0, rel=0.3)
    assert alike.sure == 0.0
    assert alike.variance < 0.1
