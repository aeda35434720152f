"""Intervals of means over decisions that share their luck."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.evaluate.clusters import Interval, cluster_interval

RNG = np.random.default_rng
CLUSTERED = st.lists(
    st.tuples(st.integers(-2, 3), st.sampled_from([-1.0, -0.25, 0.0, 0.5, 2.0])),
    min_size=2,
    max_size=40,
)


def excludes_zero(found: Interval) -> bool:
    return found.low > 0 or found.high < 0


def interval(values, cluster, **more):
    return cluster_interval(np.array(values, float), np.array(cluster), **more)


@given(CLUSTERED)
def test_an_interval_lies_around_its_mean(rows):
    cluster, values = np.array(rows).T
    found = interval(values, cluster)
    means = [values[cluster == k].mean() for k in np.unique(cluster)]
    assert found.mean == pytest.approx(values.mean())
    assert (found.n, found.n_clusters) == (len(values), len(means))
    if len(means) > 1:
        assert found.mean - found.low == pytest.approx(found.high - found.mean, abs=1e-12)


def test_the_mean_lies_inside():
    values = RNG(1).normal(0.3, 1, 200)
    found = interval(values, np.arange(200))
    assert found.low < found.mean < found.high
    error = values.std(ddof=1) / math.sqrt(200)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_one_cluster_has_a_mean_and_no_interval():
    found = interval([1.0, 3.0], [7, 7])
    assert (found.mean, found.n, found.n_clusters) == (2.0, 2, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not excludes_zero(found)


def test_nothing_has_no_mean():
    assert interval([math.nan], [1]).n == interval([], np.zeros(0, int)).n == 0


def test_repeating_decisions_within_their_clusters_does_not_narrow_the_interval():
    values, cluster = RNG(2).normal(size=30), np.arange(30) % 10
    once, often = interval(values, cluster), interval(np.repeat(values, 9), np.repeat(cluster, 9))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    apart = interval(np.repeat(values, 9), np.arange(270))
    assert apart.high - apart.low < 0.6 * (once.high - once.low)


def test_clusters_that_move_together_widen_the_interval():
    luck = np.repeat(RNG(3).normal(size=10), 10)
    together, apart = interval(luck, np.repeat(np.arange(10), 10)), interval(luck, np.arange(100))
    assert together.high - together.low > 2 * (apart.high - apart.low)


@given(CLUSTERED, st.randoms(use_true_random=False))
def test_neither_the_order_of_decisions_nor_the_numbers_of_clusters_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    cluster, values = np.array(rows).T
    other, moved = np.array(shuffled).T
    found, again = interval(values, cluster), interval(moved, 100 + 7 * other)
    assert (again.mean, again.low, again.high) == pytest.approx(
        (found.mean, found.low, found.high), nan_ok=True
    )


def test_what_is_unknown_is_left_out():
    assert interval([1.0, math.nan, 3.0, 2.0], [0, 0, 1, 2]) == interval([1.0, 3.0, 2.0], [0, 1, 2])


def test_an_interval_beside_zero_excludes_it():
    assert excludes_zero(interval([2.0, 2.5, 3.0], [0, 1, 2]))
    assert excludes_zero(interval([-2.0, -2.5, -3.0], [0, 1, 2]))
    assert not excludes_zero(interval([-1.0, 2.0, -1.0], [0, 1, 2]))


def test_two_means_have_the_textbooks_interval():
    # Leaving one of two values out moves their mean by half their distance; t(.975, 1) = 12.706.
    found = interval([0.0, 1.0], [0, 1])
    assert found.high - found.mean == pytest.approx(12.7062 * math.sqrt(0.5), rel=1e-4)


@pytest.mark.parametrize("n_clusters", [5, 18])
def test_an_interval_covers_as_often_as_it_says_with_few_and_unequal_clusters(n_clusters):
    """Clusters of 20 windows on average, 4 to 60, whose correlation is .2; 1,000 worlds."""
    rng, inside = RNG(11), 0
    for _ in range(1000):
        sizes = np.clip(rng.lognormal(math.log(20) - 0.18, 0.6, n_clusters), 4, 60).astype(int)
        cluster = np.repeat(np.arange(n_clusters), sizes)
        luck = math.sqrt(0.2) * rng.normal(size=n_clusters)[cluster]
        found = interval(luck + math.sqrt(0.8) * rng.normal(size=len(cluster)), cluster)
        inside += found.low <= 0 <= found.high
    assert 0.93 <= inside / 1000 <= 0.975
