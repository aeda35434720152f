"""What is expected of every set: what must not matter to it, and what has to."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.ranking.cells import (
    N_PSETS,
    N_WINDOWS,
    Floats,
    Trials,
    cells_of,
    keys_of,
    learnt_of,
    line,
    query,
    strangers,
    tables,
    trials_of,
)
from tradingkb.ranking.posterior import Posterior, believe
from tradingkb.ranking.study import Learnt
from tradingkb.ranking.traits import Trait, Traits

#: What is costly is tried less often.
few = settings(max_examples=30)
QUARTER, SYMBOL = [0, 0, 1, 1, 2, 3], [0, 1, 0, 1, 2, 2]
whose = st.sampled_from([(), (1,), (0, 2), (4, 5)])
#: Every set in each window.
full_tables = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(-8, 9, (N_WINDOWS, N_PSETS)) / 4
)


def believed(trials: Trials, own: tuple[int, ...] = (), n_psets: int = N_PSETS) -> Posterior:
    cells = cells_of(trials, QUARTER, n_psets)
    learnt = learnt_of(cells, keys_of(QUARTER, SYMBOL), plateau=line(n_psets))
    return believe(learnt, query(N_WINDOWS, own))


def grown(
    n_quarters: int, n_symbols: int, spread: float, market: float = 1.0, seed: int = 0
) -> tuple[Floats, list[int], list[int], Floats]:
    """Eight sets on every instrument each quarter; instruments differ by `spread` in which is best.

    Returns:
        Utilities, shape (w, 8), quarters, instruments, and what each instrument adds per set.
    """
    rng = np.random.default_rng(seed)
    quarter = np.repeat(np.arange(n_quarters), n_symbols)
    symbol = np.tile(np.arange(n_symbols), n_quarters)
    own = spread * np.outer(rng.normal(size=n_symbols), np.linspace(-1, 1, 8))
    table = rng.normal(size=(len(quarter), 8)) + own[symbol]
    table += market * rng.normal(size=n_quarters)[quarter][:, None]
    return table, quarter.tolist(), symbol.tolist(), own


def learnt_from(table: Floats, quarter: list[int], symbol: list[int]) -> Learnt:
    n = table.shape[1]
    cells = cells_of(trials_of(table), quarter, n)
    return learnt_of(cells, keys_of(quarter, symbol), plateau=line(n))


def same(one: Posterior, other: Posterior) -> None:
    """Equal beyond rounding."""
    np.testing.assert_allclose(other.value, one.value, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.apart, one.apart, rtol=1e-6, atol=1e-9)
    assert (one.variance is None) == (other.variance is None)
    if one.variance is not None:
        np.testing.assert_allclose(other.variance, one.variance, rtol=1e-6, atol=1e-9)
    assert (one.freedom is None) == (other.freedom is None) == (one.variance is None)
    if one.freedom is not None:
        np.testing.assert_allclose(other.freedom, one.freedom, rtol=1e-6)


@few
@given(tables, whose, st.randoms(use_true_random=False))
def test_names_of_windows_sets_quarters_and_instruments_do_not_matter(
    trials: Trials, own: tuple[int, ...], rng: random.Random
) -> None:
    windows, sets = list(range(N_WINDOWS)), list(range(N_PSETS))
    rng.shuffle(windows)
    rng.shuffle(sets)
    names = rng.sample(range(9), 3)
    place = np.argsort(windows)  # window `place[k]` is now called `k`
    keys = keys_of(QUARTER, [names[s] for s in SYMBOL])
    moved = replace(
        keys, **{f: getattr(keys, f)[place] for f in ("symbol", "timeframe", "start", "end")}
    )
    moved = replace(moved, quarter=1000 + 7 * keys.quarter[place])
    cells = cells_of([(windows[w], sets[p], u) for w, p, u in trials], moved.quarter, N_PSETS)
    around = line(N_PSETS).only(np.argsort(sets))
    found = believe(
        learnt_of(cells, moved, plateau=around), query(N_WINDOWS, [windows[w] for w in own])
    )
    renamed = Posterior(
        found.value[sets],
        found.apart[sets],
        None if found.variance is None else found.variance[sets],
        None if found.freedom is None else found.freedom[sets],
    )
    same(believed(trials, own), renamed)


@few
@given(tables, whose, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_bit_of_what_is_expected(
    trials: Trials, own: tuple[int, ...], rng: random.Random
) -> None:
    shuffled = trials.copy()
    rng.shuffle(shuffled)
    one, other = believed(trials, own), believed(shuffled, own)
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.apart, other.apart)


@few
@example([(0, 0, 0.0), (0, 0, 0.25)], (), 0.25, 0)
@given(tables, whose, st.sampled_from([0.25, 4.0]), st.integers(-12, 12))
def test_what_is_expected_follows_a_change_of_unit_and_a_shift(
    trials: Trials, own: tuple[int, ...], unit: float, shift: int
) -> None:
    one = believed(trials, own)
    other = believed([(w, p, unit * u + shift / 4) for w, p, u in trials], own)
    if len(set(cells_of(trials, QUARTER, N_PSETS).utility.tolist())) == 1:
        return  # what was tried again is averaged: nothing says what a unit is
    np.testing.assert_allclose(other.value, unit * one.value + shift / 4, atol=1e-9)
    np.testing.assert_allclose(other.apart, unit * one.apart, rtol=1e-6, atol=1e-9)


@few
@given(tables, whose)
def test_sets_without_evidence_are_never_expected_to_earn_anything_and_change_nothing(
    trials: Trials, own: tuple[int, ...]
) -> None:
    found, wide = believed(trials, own), believed(trials, own, N_PSETS + 3)
    tried = np.isin(np.arange(N_PSETS), [p for _, p, _ in trials])
    assert np.isfinite(found.value).tolist() == tried.tolist()
    assert np.isnan(wide.value[N_PSETS:]).all()
    assert wide.apart[N_PSETS:].tolist() == [0.0] * 3
    np.testing.assert_array_equal(wide.value[:N_PSETS], found.value)
    if found.variance is not None:
        assert (found.variance[tried] >= found.apart[tried] ** 2 - 1e-9).all()
        assert (found.freedom[tried] >= 1.0).all()
        assert np.isnan(found.variance[~tried]).all()
        assert np.isnan(found.freedom[~tried]).all()


@few
@given(full_tables, whose)
def test_a_set_that_earned_more_in_every_window_is_expected_to_earn_more(
    table: Floats, own: tuple[int, ...]
) -> None:
    best = np.column_stack([table, table.max(axis=1) + 1])
    value = believed(trials_of(best), own, N_PSETS + 1).value
    assert value.argmax() == N_PSETS


@few
@given(full_tables, whose)
def test_sets_that_earned_the_same_everywhere_are_expected_to_earn_the_same(
    table: Floats, own: tuple[int, ...]
) -> None:
    cells = cells_of(trials_of(np.tile(table, 2)), QUARTER, 2 * N_PSETS)
    found = believe(learnt_of(cells, keys_of(QUARTER, SYMBOL)), query(N_WINDOWS, own))
    np.testing.assert_allclose(found.value[:N_PSETS], found.value[N_PSETS:], atol=1e-9)


@few
@given(full_tables, whose)
def test_a_strictly_worse_copy_of_the_best_set_never_passes_it_nor_lets_another_do_so(
    table: Floats, own: tuple[int, ...]
) -> None:
    def expected(values: Floats) -> Floats:
        cells = cells_of(trials_of(values), QUARTER, values.shape[1])
        return believe(learnt_of(cells, keys_of(QUARTER, SYMBOL)), query(N_WINDOWS, own)).value

    best = int(expected(table).argmax())
    found = expected(np.column_stack([table, table[:, best] - 0.125]))
    assert found[N_PSETS] < found[best]
    if not own:  # one set more also changes how much instruments are seen to differ
        assert found[best] >= found.max() - 1e-9


def test_one_quarter_does_not_tell_noise_from_signal() -> None:
    found = believe(learnt_from(np.array([[1.0, 2.0], [1.0, 4.0]]), [0, 0], [0, 1]), query(2))
    assert found.variance is found.freedom is None
    # Windows' variances are 1/2 and 9/2, typically 5/2: what tells sets apart is taken to be as
    # noisy, and one block beside ten of neutral belief leaves an eleventh of it.
    np.testing.assert_allclose(found.apart, np.sqrt(2.5 / 11))
    assert found.value[0] < found.value[1]
    lead, doubt = found.lead(1, 0)
    assert lead == found.value[1] - found.value[0]
    assert doubt is None


def test_a_variance_is_as_sure_as_the_part_of_it_that_the_quarters_say() -> None:
    table, quarter, symbol, _ = grown(6, 4, spread=0.0)
    learnt = learnt_from(table, quarter, [-1] * len(symbol))
    found = believe(learnt, query(len(table)))
    by_quarter = table.mean(axis=1).reshape(6, 4).mean(axis=1)
    level = by_quarter.var(ddof=1) / 6
    np.testing.assert_allclose(found.variance, found.apart**2 + level)
    # Welch and Satterthwaite: the level's variance has five degrees of freedom, the rest has many.
    np.testing.assert_allclose(found.freedom, found.variance**2 / (level**2 / 5))
    assert (found.freedom > 5).all()


def test_where_instruments_differ_own_history_moves_what_is_expected_towards_own_means() -> None:
    table, quarter, symbol, truth = grown(12, 12, spread=1.0)
    learnt = learnt_from(table, quarter, symbol)
    assert learnt.instruments[0].sure > 0
    nobody = believe(learnt, query(len(table))).value
    errors = []
    for s in range(12):
        own = np.flatnonzero(np.array(symbol) == s)
        mine = believe(learnt, query(len(table), own)).value
        wanted = truth[s] - truth.mean(axis=0)
        errors.append([((v - v.mean() - wanted) ** 2).mean() for v in (mine, nobody)])
    assert np.mean(errors, axis=0)[0] < 0.4 * np.mean(errors, axis=0)[1]


@pytest.mark.parametrize("seed", range(4))
def test_where_instruments_do_not_differ_own_history_tells_no_sets_apart(seed: int) -> None:
    table, quarter, symbol, _ = grown(12, 12, spread=0.0, seed=seed)
    learnt = learnt_from(table, quarter, symbol)
    nobody = believe(learnt, query(len(table)))
    # What instruments differ by in the level is told as it is estimated, however unsure (the
    # analysis of variance with twelve instruments of twelve quarters).
    level = table.mean(axis=1).reshape(12, 12)
    left = level - level.mean(axis=1, keepdims=True)
    noise = left.var(axis=0, ddof=1).mean()
    differ = max((left.mean(axis=0) ** 2).sum() / 11 - noise / 12, 0.0)
    moved = differ / (differ + noise / 12) * left.mean(axis=0)
    for s in range(12):
        mine = believe(learnt, query(len(table), np.flatnonzero(np.array(symbol) == s)))
        np.testing.assert_allclose(mine.value, nobody.value + moved[s], atol=1e-12)
        np.testing.assert_array_equal(mine.apart, nobody.apart)


def test_the_more_own_history_the_more_it_says_and_the_less_is_unknown() -> None:
    table, quarter, symbol, truth = grown(16, 12, spread=1.0)
    learnt = learnt_from(table, quarter, symbol)
    s = int(np.abs(truth[:, 0]).argmax())
    own = np.flatnonzero(np.array(symbol) == s)
    apart = [believe(learnt, query(len(table), own[:n])).apart.mean() for n in (0, 1, 4, 16)]
    assert apart == sorted(apart, reverse=True)


def test_what_instruments_differ_by_is_unknown_of_one_that_was_never_seen() -> None:
    table, quarter, symbol, _ = grown(12, 12, spread=1.0)
    table += 3.0 * np.random.default_rng(5).normal(size=12)[symbol][:, None]
    learnt = learnt_from(table, quarter, symbol)
    found = believe(learnt, query(len(table)))
    levels, sets = learnt.levels, sum(i.variance for i in learnt.instruments)
    assert min(levels.instruments.variance, sets) > 0.1
    # And the mean of all holds what its own instruments happen to be.
    more = 1.0 + levels.concentration
    apart = learnt.blend.variance + sets * more
    level = levels.variance + levels.instruments.variance * more
    np.testing.assert_allclose(found.apart, learnt.unit * np.sqrt(apart))
    np.testing.assert_allclose(found.variance, learnt.unit**2 * apart + level)


def test_own_history_is_shrunk_by_its_quarters_and_its_neighbours_make_no_more_of_them() -> None:
    table, quarter, symbol, _ = grown(12, 12, spread=1.0)
    learnt = learnt_from(table, quarter, symbol)
    own = np.flatnonzero(np.array(symbol) == 3)
    before, found = (believe(learnt, query(len(table), w)) for w in ((), own))
    mean = learnt.left.reshape(table.shape)[own].mean(axis=0)
    around = line(8).smooth(mean, np.ones(8))
    smoothly, roughly = (i.share(np.array(1 / 12)) for i in learnt.instruments)
    added = learnt.unit * (smoothly * around + roughly * (mean - around))
    moved = found.value - before.value
    np.testing.assert_allclose(moved - moved.mean(), added - added.mean(), atol=1e-12)
    left = sum(i.left(np.array(1 / 12)) for i in learnt.instruments)
    left += sum(i.variance for i in learnt.instruments) * learnt.levels.concentration
    np.testing.assert_allclose(found.apart, learnt.unit * np.sqrt(learnt.blend.variance + left))


def test_an_instrument_is_not_credited_with_what_the_market_did_in_its_quarters() -> None:
    table, quarter, symbol, _ = grown(12, 12, spread=0.0, market=0.0)
    table = 0.1 * table + np.linspace(-3, 3, 12)[symbol][:, None]
    boom = np.array(quarter) < 6
    table += np.where(boom, 5.0, -5.0)[:, None]
    learnt, mine = learnt_from(table, quarter, symbol), np.array(symbol) == 11
    best, worst = (
        believe(learnt, query(len(table), np.flatnonzero(mine & some))).value
        for some in (boom, ~boom)
    )
    np.testing.assert_allclose(best, worst, atol=0.3)
    assert best.min() > learnt.levels.mean + 2.0


def test_windows_at_exactly_the_mean_are_history_too() -> None:
    # Instrument 0 does 2 more than its quarter, always; the market moves so that half of its
    # windows lie exactly at the mean of all.
    offset = np.array([2.0, -2.0, 1.0, -1.0])
    noise = np.outer(np.tile([0.5, -0.5], 4), [0.0, 0.0, 1.0, -1.0])

    def expected(market: float) -> Posterior:
        shocks = market * np.repeat(np.tile([-1.0, 1.0], 2), 2)
        level = (shocks[:, None] + offset + noise).ravel()
        table = level[:, None] + np.array([-0.5, 0.5])
        quarter, symbol = np.repeat(np.arange(8), 4).tolist(), np.tile(np.arange(4), 8).tolist()
        own = np.flatnonzero(np.array(symbol) == 0)
        return believe(learnt_from(table, quarter, symbol), query(32, own))

    exactly, nearly = expected(2.0), expected(2.0 + 1e-9)
    assert exactly.value[0] > 0.5
    np.testing.assert_allclose(exactly.value, nearly.value, rtol=1e-6)
    np.testing.assert_allclose(exactly.variance, nearly.variance, rtol=1e-6)


def test_a_regime_adds_what_its_features_decide_and_what_they_leave_unknown() -> None:
    table, quarter, symbol, _ = grown(12, 4, spread=0.0)
    learnt = learnt_from(table, quarter, symbol)
    slope = np.linspace(-1, 1, 8)[None, :]
    sets = Trait(np.array([3]), slope, np.array([[0.25]]))
    level = Trait(np.array([5]), np.array([[7.0]]), np.array([[0.5]]))
    features = np.full(16, np.nan)
    features[[3, 5]] = 2.0, 1.0
    plain = believe(learnt, query(len(table)))
    found = believe(learnt, query(len(table), features=features), Traits(sets, level))
    np.testing.assert_allclose(found.value, plain.value + learnt.unit * 2 * slope[0] + 7.0)
    np.testing.assert_allclose(found.apart**2, plain.apart**2 + learnt.unit**2 * 0.25 * 4)
    np.testing.assert_allclose(found.variance, plain.variance + learnt.unit**2 * 0.25 * 4 + 0.5)


def test_a_regime_that_is_unknown_or_decides_nothing_changes_no_bit() -> None:
    table, quarter, symbol, _ = grown(12, 4, spread=0.0)
    learnt = learnt_from(table, quarter, symbol)
    trait = Trait(np.array([3]), np.ones((1, 8)), np.array([[0.25]]))
    traits = Traits(trait, replace(trait, slope=np.ones((1, 1))))
    unknown = np.full(16, np.nan)
    plain = believe(learnt, query(len(table)))
    for features, known in ((None, traits), (unknown, traits), (np.ones(16), None)):
        found = believe(learnt, query(len(table), features=features), known)
        np.testing.assert_array_equal(found.value, plain.value)
        np.testing.assert_array_equal(found.variance, plain.variance)


@pytest.mark.parametrize("alike", [True, False], ids=["neighbours are alike", "no neighbours"])
def test_the_true_mean_lies_as_near_to_what_is_expected_as_the_variance_says(alike: bool) -> None:
    apart, whole = [], []
    for seed in range(60):
        table, quarter, symbol, _ = grown(16, 4, spread=0.0, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        truth = 0.45 * rng.normal() * np.linspace(-1, 1, 8) if alike else 0.3 * rng.normal(size=8)
        cells = cells_of(trials_of(table + truth), quarter, 8)
        plateau = line(8) if alike else strangers(8)
        learnt = learnt_of(cells, keys_of(quarter, symbol), plateau=plateau)
        found = believe(learnt, query(len(table)))
        error = found.value - truth
        apart.append((error - error.mean()) / found.apart)
        whole.append(error / np.sqrt(found.variance))
    assert 0.8 < np.sqrt(np.mean(np.square(apart))) < 1.25
    assert 0.8 < np.sqrt(np.mean(np.square(whole))) < 1.25
