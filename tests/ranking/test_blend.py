"""Means are believed as far as a store has shown that they last, with those around them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.ranking.cells import Floats, line, strangers
from tradingkb.ranking.blend import (
    FLOOR,
    INDEPENDENT_SETS,
    Blend,
    Lesson,
    _outlying,
    blend,
    learn,
)
from tradingkb.ranking.blocks import Noise, Table
from tradingkb.ranking.plateau import Plateau

Bools = NDArray[np.bool_]

NEUTRAL = 10.0
#: What is costly is tried less often.
few = settings(max_examples=40)


def table_of(value: Floats) -> Table:
    """A table of blocks that share no day and count alike, NaN where nothing is known."""
    known = np.isfinite(value)
    return Table(np.where(known, value, 0.0), known, np.ones(len(value)), np.eye(len(value)))


def believed(
    value: Floats,
    plateau: Plateau | None = None,
    typical: Bools | None = None,
    neutral: float = NEUTRAL,
) -> tuple[Lesson | None, Blend]:
    n = value.shape[1]
    sets = np.ones(n, dtype=bool) if typical is None else typical
    table, around = table_of(value), plateau or strangers(n)
    lesson = learn(table, around, sets, neutral)
    return lesson, blend(table, around, sets, neutral, lesson)


def drawn(
    truth: Floats, n_blocks: int, noise: float = 1.0, rough: float = 0.0, seed: int = 0
) -> Floats:
    """Blocks of sets whose true means are known; `rough` of the noise is each set's own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_blocks, 3)) @ np.cos(
        np.outer(np.arange(3) + 0.5, np.arange(len(truth))) * np.pi / len(truth)
    )
    return truth + noise * common + rough * rng.normal(size=(n_blocks, len(truth)))


values = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(
        size=tuple(np.random.default_rng(seed + 1).integers(2, 7, 2))
    )
)


@few
@given(values, st.booleans(), st.floats(0.5, 40))
def test_shares_lie_between_nothing_and_all_and_what_is_rough_is_believed_no_more(
    value: Floats, grid: bool, neutral: float
) -> None:
    n = value.shape[1]
    _, found = believed(value, line(n) if grid else strangers(n), neutral=neutral)
    assert ((found.smooth >= 0) & (found.smooth <= 1)).all()
    assert ((found.rough >= 0) & (found.rough <= found.smooth)).all()
    assert (found.variance >= 0).all()


@few
@given(values, st.integers(1, 5), st.integers(2, 40))
def test_the_more_blocks_say_so_the_nearer_a_mean_is_believed(
    value: Floats, n: int, more: int
) -> None:
    # The store's lesson stays as it is; only what stands behind the means grows.
    lesson = Lesson(Noise(1.0, 0.0), 0.5, 0.3, 0.1)
    mean = value.mean(axis=0)
    sets, around = np.ones(len(mean), dtype=bool), strangers(len(mean))
    fewer, many = (
        blend(table_of(np.tile(mean, (k, 1))), around, sets, NEUTRAL, lesson) for k in (n, n + more)
    )
    apart = mean - mean.mean()
    assert (np.abs(many.value - apart) <= np.abs(fewer.value - apart) + 1e-12).all()
    assert (many.variance < fewer.variance).all()


def test_sets_without_neighbours_are_shrunk_by_signal_over_signal_and_noise() -> None:
    lesson = Lesson(Noise(4.0, 0.0), 0.0, 0.5, 0.0)
    table = table_of(np.array([[1.0, 5.0, 3.0], [3.0, np.nan, 3.0]]))
    found = blend(table, strangers(3), np.ones(3, dtype=bool), NEUTRAL, lesson)
    share = np.array([0.5 / (0.5 + 2.0), 0.5 / (0.5 + 4.0), 0.5 / (0.5 + 2.0)])
    centre = (2 * 2 + 5 + 2 * 3) / 5
    np.testing.assert_allclose(found.smooth, share)
    np.testing.assert_allclose(found.value, share * (np.array([2.0, 5.0, 3.0]) - centre))
    np.testing.assert_allclose(found.variance, share * [2.0, 4.0, 2.0])


def test_without_a_lesson_a_set_is_average_until_as_many_blocks_as_the_neutral_belief_speak() -> (
    None
):
    lesson, found = believed(np.array([[1.0, 3.0]]))
    assert lesson is None
    np.testing.assert_allclose(found.value, np.array([-1.0, 1.0]) / 11)
    np.testing.assert_allclose(found.smooth, 1 / 11)
    assert found.rough.tolist() == [0.0, 0.0]
    # As if a block's noise were a typical spread.
    assert not found.told
    np.testing.assert_allclose(found.variance, 1 / 11)


@pytest.mark.parametrize(("n_blocks", "believed_anyway"), [(2, True), (8, False)])
def test_where_no_mean_differs_a_short_store_leaves_the_prior_and_a_long_one_its_floor(
    n_blocks: int, believed_anyway: bool
) -> None:
    value = np.outer(np.tile([1.0, -1.0], n_blocks // 2), [1.0, -1.0, 1.0, -1.0])
    lesson, _ = believed(value)
    assert lesson is not None
    noise = lesson.noise.variance
    assert noise == pytest.approx(n_blocks / (n_blocks - 1))
    prior, found = noise / NEUTRAL, -noise / n_blocks
    error = noise / n_blocks * np.sqrt(2 / INDEPENDENT_SETS)
    share = prior**2 / (prior**2 + error**2)
    signal = share * found + (1 - share) * prior
    assert (signal > 0) == believed_anyway
    assert lesson.signal == pytest.approx(max(signal, FLOOR * noise))


def test_a_store_whose_differences_last_is_believed_and_one_of_noise_is_not() -> None:
    truth = np.linspace(-2, 2, 12)
    lasting, sure = believed(drawn(truth, 30), line(12))
    chance, unsure = believed(drawn(0 * truth, 30), line(12))
    assert lasting is not None and chance is not None
    assert lasting.signal > 20 * chance.signal
    assert sure.smooth.min() > 0.9
    assert unsure.smooth.max() < 0.7
    np.testing.assert_allclose(sure.value, truth, atol=0.75)


def test_what_neighbours_share_is_believed_more_than_what_a_set_has_alone() -> None:
    truth = np.zeros(15)
    truth[3] = 1.0  # a lonely peak
    truth[8:13] = 1.0  # a plateau
    _, found = believed(drawn(truth, 12, noise=0.5, rough=1.0, seed=3), line(15))
    assert found.value[9:12].mean() > found.value[3]


def test_believing_what_lasts_is_nearer_to_the_truth_than_the_means_are() -> None:
    rng = np.random.default_rng(11)
    plain, shrunk = [], []
    for seed in range(40):
        truth = 0.2 * rng.normal(size=10)
        blocks = truth + np.random.default_rng(seed).normal(size=(12, 10))
        _, found = believed(blocks)
        truth = truth - truth.mean()
        mean = blocks.mean(axis=0)
        plain.append(((mean - mean.mean() - truth) ** 2).mean())
        shrunk.append(((found.value - truth) ** 2).mean())
    assert np.mean(shrunk) < 0.7 * np.mean(plain)


def test_however_little_a_store_shows_the_order_of_its_smooth_means_stays() -> None:
    lesson, found = believed(np.array([[1.0, -1.0, 0.1], [-1.0, 1.0, 0.0], [0.1, 0.0, 0.0]]))
    assert lesson is not None
    assert lesson.signal >= FLOOR * lesson.noise.variance
    mean = np.array([0.1 / 3, 0.0, 0.1 / 3])
    assert found.value[1] < found.value[0] == pytest.approx(found.value[2])
    assert (np.abs(found.value) <= np.abs(mean - mean.mean()) + 1e-12).all()


@pytest.mark.parametrize("own", [0.1, 1.0, 10.0, -10.0])
def test_what_a_set_has_alone_is_shrunk_by_its_share_unless_it_is_plain_to_see(own: float) -> None:
    n, n_blocks = 15, 9
    mean = np.zeros(n)
    mean[7] = own
    lesson = Lesson(Noise(1.0, 0.0), 0.36, 1.0, 0.01)
    table, around = table_of(np.tile(mean, (n_blocks, 1))), line(n)
    found = blend(table, around, np.ones(n, dtype=bool), NEUTRAL, lesson)
    centred = mean - mean.mean()
    smooth = around.smooth(centred, np.full(n, float(n_blocks)))
    rough = centred - smooth
    error = 0.36 / n_blocks
    np.testing.assert_allclose(found.rough, 0.01 / (0.01 + error))
    wanted = [integrated(r, error, 0.01, 0.36) for r in rough]
    kept = found.value - found.smooth * smooth
    np.testing.assert_allclose(kept, [w[0] for w in wanted], atol=1e-9)
    left = [w[1] for w in wanted]
    np.testing.assert_allclose(found.variance, found.smooth / n_blocks + left, rtol=1e-6)
    if abs(own) == 10.0:  # as if its nine blocks were all that is known, beside a tenth of doubt
        assert kept[7] == pytest.approx(n_blocks / (n_blocks + 1) * rough[7])
    if own == 0.1:
        np.testing.assert_allclose(kept, found.rough * rough, rtol=0.1)


# --- own parts, of which a few are far out --------------------------------------------------------


def integrated(own: float, error: float, signal: float, wide: float) -> tuple[float, float]:
    """Mean and variance of a true part by Bayes' rule, summed over a grid of what it may be.

    One in thirty is drawn with variance `wide` (`signal` where that is more), the others with
    `signal`; what is seen of it has the variance `error`.
    """
    reach = 12 * np.sqrt(error)
    true = np.linspace(min(own, 0.0) - reach, max(own, 0.0) + reach, 40_001)
    prior = [
        np.log(part / np.sqrt(variance)) - true**2 / (2 * variance)
        for part, variance in ((29 / 30, signal), (1 / 30, max(wide, signal)))
    ]
    log = np.logaddexp(*prior) - (own - true) ** 2 / (2 * error)
    density = np.exp(log - log.max())
    density /= density.sum()
    mean = float((density * true).sum())
    return mean, float((density * (true - mean) ** 2).sum())


def shrunk(own: list[float], error: float, share: float, wide: float) -> tuple[Floats, Floats]:
    n = len(own)
    return _outlying(np.array(own), np.full(n, error), np.full(n, share), wide)


sizes = st.integers(0, 10**7).map(lambda n: n / 1000)
errors, parts, wides = st.floats(0.01, 10.0), st.floats(0.0, 0.99), st.floats(0.0, 100.0)


@few
@given(st.floats(-20, 20), errors, st.floats(0.02, 0.95), st.floats(0.02, 20.0))
def test_own_parts_are_believed_by_bayes_rule_with_one_in_thirty_far_out(
    own: float, error: float, share: float, wide: float
) -> None:
    mean, variance = shrunk([own], error, share, wide)
    wanted = integrated(own, error, share * error / (1 - share), wide)
    assert mean[0] == pytest.approx(wanted[0], rel=1e-3, abs=1e-3 * np.sqrt(error))
    assert variance[0] == pytest.approx(wanted[1], rel=1e-3)


@few
@given(sizes, errors, parts, wides)
def test_an_own_part_is_shrunk_by_the_share_at_most_and_never_beyond_itself(
    own: float, error: float, share: float, wide: float
) -> None:
    mean, _ = shrunk([own], error, share, wide)
    assert share * own * (1 - 1e-12) <= mean[0] <= own * (1 + 1e-12)


@few
@given(sizes, errors, parts, wides)
def test_own_parts_above_and_below_are_believed_alike(
    own: float, error: float, share: float, wide: float
) -> None:
    mean, variance = shrunk([own, -own], error, share, wide)
    assert mean[0] == -mean[1]
    assert variance[0] == variance[1]


@few
@given(st.lists(sizes, min_size=2, max_size=8), errors, parts, wides)
def test_the_further_out_an_own_part_the_more_of_it_is_believed(
    own: list[float], error: float, share: float, wide: float
) -> None:
    away = np.array(sorted(own))
    mean, _ = shrunk(away.tolist(), error, share, wide)
    assert (np.diff(mean) >= -1e-12 * away[1:]).all()
    seen = away > 0
    assert (np.diff(mean[seen] / away[seen]) >= -1e-12).all()


@few
@given(st.floats(0.0, 1.0), errors, parts, wides)
def test_an_own_part_that_chance_explains_is_shrunk_by_the_share(
    deviations: float, error: float, share: float, wide: float
) -> None:
    own = deviations * np.sqrt(error / (1 - share))
    mean, _ = shrunk([own], error, share, wide)
    # Within one deviation the few are likelier than before by e to the half at most.
    assert mean[0] - share * own <= np.exp(0.5) / 29 * own + 1e-12


@few
@given(st.integers(2, 40), st.floats(0.0, 0.2), st.floats(8.0, 1e6), errors)
def test_an_own_part_far_out_is_kept_as_if_one_block_more_spoke_against_it(
    n_blocks: int, share: float, deviations: float, wide: float
) -> None:
    error = wide / n_blocks
    own = deviations * np.sqrt(error / (1 - share))
    mean, variance = shrunk([own], error, share, wide)
    whole = n_blocks / (n_blocks + 1)
    assert mean[0] == pytest.approx(whole * own, rel=1e-2)
    assert variance[0] >= 0.99 * whole * error


@few
@given(st.floats(0.0, 1e9), errors, parts, wides)
def test_that_a_few_are_far_out_never_makes_an_own_part_surer(
    own: float, error: float, share: float, wide: float
) -> None:
    _, variance = shrunk([own], error, share, wide)
    assert variance[0] >= share * error * (1 - 1e-9)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_own_part_without_any_error_is_believed_by_its_share_and_surely(share: float) -> None:
    mean, variance = shrunk([3.0, 0.0], 0.0, share, 1.0)
    assert mean.tolist() == [3.0 * share, 0.0]
    assert variance.tolist() == [0.0, 0.0]


def test_an_atypical_set_is_itself_and_neither_teaches_nor_learns() -> None:
    value = drawn(np.linspace(-1, 1, 8), 12, rough=0.3)
    odd = np.column_stack([value, np.full(12, -50.0)])
    typical = np.arange(9) < 8
    lesson, found = believed(odd, line(9), typical)
    alone, without = believed(value, line(8))
    assert lesson is not None and alone is not None
    assert lesson.signal == pytest.approx(alone.signal)
    assert lesson.rough_signal == pytest.approx(alone.rough_signal)
    np.testing.assert_allclose(found.value[:8], without.value)
    assert found.value[8] == pytest.approx(-50.0 - value.mean())
    assert found.variance[8] == pytest.approx((lesson.noise.variance + lesson.rough_noise) / 12)


@few
@given(values, st.randoms(use_true_random=False))
def test_neither_the_order_of_blocks_nor_that_of_sets_matters(
    value: Floats, rng: random.Random
) -> None:
    blocks, sets = list(range(value.shape[0])), list(range(value.shape[1]))
    rng.shuffle(blocks)
    rng.shuffle(sets)
    around = line(len(sets))
    _, one = believed(value, around)
    _, other = believed(value[blocks][:, sets], around.only(np.array(sets)))
    np.testing.assert_allclose(other.value, one.value[sets], atol=1e-9)
    np.testing.assert_allclose(other.smooth, one.smooth[sets], atol=1e-9)
    np.testing.assert_allclose(other.rough, one.rough[sets], atol=1e-9)


@few
@given(values, st.sampled_from([0.25, 16.0]), st.integers(-8, 8))
def test_what_is_believed_follows_a_change_of_unit_and_knows_no_shift(
    value: Floats, unit: float, shift: int
) -> None:
    _, one = believed(value, line(value.shape[1]))
    _, other = believed(unit * value + shift / 4, line(value.shape[1]))
    np.testing.assert_allclose(other.value, unit * one.value, atol=1e-9)
    np.testing.assert_allclose(other.variance, unit**2 * one.variance, atol=1e-9)
