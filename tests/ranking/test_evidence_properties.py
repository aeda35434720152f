"""What must not matter to evidence: names, order, scale; and what must: being better."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ranking.cells import N_PSETS, N_WINDOWS, Trials, cells_of, query, tables
from tradingkb.ranking.evidence import (
    Estimate,
    EvidenceWeights,
    Level,
    Query,
    estimate,
    level,
    regime_kernel,
    shrink,
)
from tradingkb.ranking.expected import Expected, expected_utility, moments

WEIGHTS = EvidenceWeights()
QUARTER = [0, 0, 1, 1, 2, 3]
KERNEL = np.array([1.0, 0.5, 0.0, 0.25, 0.875, 0.125])
SAME = np.array([True, True, True, False, True, True])
asked = st.sampled_from(
    [
        query(N_WINDOWS),
        query(N_WINDOWS, own=(1, 4)),
        query(N_WINDOWS, own=(1,), kernel=KERNEL),
        query(N_WINDOWS, own=(0, 1), kernel=KERNEL, stated=True),
        query(N_WINDOWS, own=(2,), kernel=KERNEL, same_timeframe=SAME),
        query(N_WINDOWS, own=tuple(range(N_WINDOWS))),
    ]
)
#: Every set tried once in every window.
full_tables = st.lists(
    st.integers(-8, 8).map(lambda n: n / 4),
    min_size=N_WINDOWS * N_PSETS,
    max_size=N_WINDOWS * N_PSETS,
).map(lambda v: [(i // N_PSETS, i % N_PSETS, u) for i, u in enumerate(v)])


def once(trials: Trials) -> Trials:
    """One trial per pair: then nothing is averaged, and only ranks speak."""
    return [(w, p, u) for (w, p), u in {(w, p): u for w, p, u in trials}.items()]


def ranked(trials: Trials, q: Query, quarter: list[int] | None = None, p: int = 4) -> Estimate:
    return estimate(cells_of(trials, quarter or QUARTER, p), q, WEIGHTS)


def earned(trials: Trials, q: Query, quarter: list[int] | None = None, p: int = 4) -> Expected:
    return expected_utility(cells_of(trials, quarter or QUARTER, p), q, WEIGHTS)


def reordered(q: Query, place: list[int]) -> Query:
    """The same question when window `place[k]` is called `k`."""
    kernel = None if q.kernel is None else q.kernel[place]
    return Query(q.own[place], q.same_timeframe[place], kernel, q.stated)


def same(a: np.ndarray | None, b: np.ndarray | None) -> None:
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@given(tables, asked, st.randoms(use_true_random=False))
def test_names_of_windows_sets_and_quarters_do_not_matter(
    trials: Trials, q: Query, rng: random.Random
) -> None:
    windows, sets = list(range(N_WINDOWS)), list(range(N_PSETS))
    rng.shuffle(windows)
    rng.shuffle(sets)
    number = rng.sample(range(-100, 10**6), 4)
    place = [windows.index(k) for k in range(N_WINDOWS)]
    renamed = [(windows[w], sets[p], u) for w, p, u in trials]
    quarter = [number[QUARTER[w]] for w in place]
    one, other = ranked(trials, q), ranked(renamed, reordered(q, place), quarter)
    same(one.value, other.value[sets])
    same(one.agnostic, other.agnostic[sets])
    expected, again = earned(trials, q), earned(renamed, reordered(q, place), quarter)
    same(expected.value, again.value[sets])
    assert expected.quarters == again.quarters
    assert (expected.variance is None) == (again.variance is None)
    if expected.variance is not None and again.variance is not None:
        same(expected.variance, again.variance[sets])


@given(tables, asked)
def test_ranks_do_not_depend_on_the_scale_of_the_utilities(trials: Trials, q: Query) -> None:
    plain = once(trials)
    for bend in (lambda u: 8 * u - 3, lambda u: u**3 + u, lambda u: 2.0**u):
        bent = [(w, p, bend(u)) for w, p, u in plain]
        assert ranked(bent, q).value.tolist() == ranked(plain, q).value.tolist()


@given(tables, asked)
def test_where_best_and_worst_change_places_estimates_are_mirrored_at_one_half(
    trials: Trials, q: Query
) -> None:
    mirrored = ranked([(w, p, -u) for w, p, u in trials], q)
    same(mirrored.value, 1.0 - ranked(trials, q).value)
    same(mirrored.agnostic, 1.0 - ranked(trials, q).agnostic)


@given(tables, asked)
def test_estimates_are_ranks(trials: Trials, q: Query) -> None:
    value = ranked(trials, q).value
    assert ((value > 0) & (value < 1)).all()


@given(tables, asked, st.sampled_from([0.25, 2.0, 16.0]), st.integers(-12, 12))
def test_expected_utilities_follow_a_change_of_unit(
    trials: Trials, q: Query, unit: float, shift: int
) -> None:
    one = earned(trials, q)
    other = earned([(w, p, unit * u + shift / 4) for w, p, u in trials], q)
    same(other.value, unit * one.value + shift / 4)
    same(other.variance, None if one.variance is None else unit**2 * one.variance)


@given(tables, asked)
def test_sets_that_earned_the_same_everywhere_are_equal(trials: Trials, q: Query) -> None:
    twins = [*trials, *((w, p + N_PSETS, u) for w, p, u in trials)]
    for found in (ranked(twins, q, p=2 * N_PSETS).value, earned(twins, q, p=2 * N_PSETS).value):
        same(found[:N_PSETS], found[N_PSETS:])


@given(tables)
def test_trying_every_window_twice_within_its_quarter_adds_no_evidence(trials: Trials) -> None:
    twice = [*trials, *((w + N_WINDOWS, p, u) for w, p, u in trials)]
    doubled = ranked(twice, query(2 * N_WINDOWS), [*QUARTER, *QUARTER])
    same(doubled.value, ranked(trials, query(N_WINDOWS)).value)
    for name in ("all", "timeframe", "everything"):
        plain = ranked(trials, query(N_WINDOWS)).levels[name]
        same(doubled.levels[name].n, plain.n)
    more = earned(twice, query(2 * N_WINDOWS), [*QUARTER, *QUARTER])
    same(more.value, earned(trials, query(N_WINDOWS)).value)
    assert more.quarters == earned(trials, query(N_WINDOWS)).quarters


@given(full_tables, asked, st.data())
def test_a_better_result_never_lowers_the_estimate_of_a_set(
    trials: Trials, q: Query, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(trials) - 1))
    w, p, u = trials[k]
    better = [*trials[:k], (w, p, u + data.draw(st.integers(1, 8)) / 4), *trials[k + 1 :]]
    assert ranked(better, q).value[p] >= ranked(trials, q).value[p] - 1e-12


@given(full_tables, asked)
def test_a_set_that_earned_more_in_every_window_is_estimated_higher(
    trials: Trials, q: Query
) -> None:
    best = [(w, N_PSETS, max(u for v, _, u in trials if v == w) + 1) for w in range(N_WINDOWS)]
    for found in (ranked, earned):
        value = found([*trials, *best], q, p=N_PSETS + 1).value
        assert (value[N_PSETS] > value[:N_PSETS]).all()


@given(full_tables, asked)
def test_a_strictly_worse_copy_of_the_winner_does_not_unseat_it(trials: Trials, q: Query) -> None:
    value = ranked(trials, q).value
    winner = int(value.argmax())
    copy = [(w, N_PSETS, u - 0.125) for w, p, u in trials if p == winner]
    after = ranked([*trials, *copy], q, p=N_PSETS + 1).value
    assert after[winner] >= after.max() - 1e-12


@given(tables, asked)
def test_sets_that_were_never_tried_change_nothing(trials: Trials, q: Query) -> None:
    wide = ranked(trials, q, p=N_PSETS + 3)
    assert wide.value[:N_PSETS].tolist() == ranked(trials, q).value.tolist()
    expected = earned(trials, q, p=N_PSETS + 3)
    same(expected.value[:N_PSETS], earned(trials, q).value)


@given(tables, st.integers(0, N_PSETS - 1))
def test_levels_agree_with_loops_over_the_cells(trials: Trials, pset: int) -> None:
    cells = cells_of(trials, QUARTER, N_PSETS)
    found = level(cells, KERNEL, cells.utility)
    masses, sums = [], []
    for q in sorted(set(QUARTER)):
        pairs = [(w, u) for w, p, u in means(trials) if p == pset and QUARTER[w] == q]
        used = [(KERNEL[w], u) for w, u in pairs if KERNEL[w] > 0]
        if used:
            masses.append(sum(k for k, _ in used) / len(used))
            sums.append(sum(k * u for k, u in used) / len(used))
    assert found.n[pset] == pytest.approx(sum(masses))
    assert found.mean[pset] == pytest.approx(sum(sums) / sum(masses) if masses else 0.0)


def means(trials: Trials) -> Trials:
    pairs = sorted({(w, p) for w, p, _ in trials})
    groups = [[u for v, r, u in trials if (v, r) == pair] for pair in pairs]
    return [(*pair, sum(group) / len(group)) for pair, group in zip(pairs, groups, strict=True)]


@given(tables)
def test_cell_ranks_agree_with_counting(trials: Trials) -> None:
    cells, table = cells_of(trials, QUARTER, N_PSETS), means(trials)

    def standing(u: float, rivals: list[float]) -> float:
        less, equal = (sum(o < u for o in rivals), sum(o == u for o in rivals))
        return (less + equal / 2) / len(rivals)

    for k, (w, _, u) in enumerate(table):
        rivals = [o for v, _, o in table if v == w]
        m = len(rivals)
        pooled = standing(u, [o for _, _, o in table])
        assert cells.rank[k] == pytest.approx((m * standing(u, rivals) + pooled) / (m + 1))


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 99)), min_size=1, max_size=5),
    st.floats(-9, 9),
    st.floats(0.01, 99),
)
def test_shrinking_stays_between_mean_and_prior_and_more_prior_pulls_harder(
    rows: list[tuple[float, float]], prior: float, k: float
) -> None:
    found = Level(np.array([m for m, _ in rows]), np.array([n for _, n in rows]))
    loose, tight = shrink(found, prior, k), shrink(found, prior, 2 * k)
    assert (np.abs(tight - prior) <= np.abs(loose - prior) + 1e-12).all()
    for (mean, n), value in zip(rows, loose, strict=True):
        assert value == pytest.approx((n * mean + k * prior) / (n + k), abs=1e-9)


distances = st.lists(st.floats(0, 30) | st.just(float("nan")), min_size=1, max_size=8)


@given(distances, st.floats(0.1, 5), st.sampled_from([0.5, 2.0, 8.0]))
def test_the_kernel_falls_with_distance_and_only_distance_over_bandwidth_counts(
    values: list[float], bandwidth: float, scale: float
) -> None:
    d = np.array(values)
    kernel = regime_kernel(d, bandwidth)
    assert (kernel >= 0).all() and (kernel <= 1).all()
    assert (kernel[np.isnan(d)] == 0).all()
    known = np.sort(d[~np.isnan(d)])
    assert (np.diff(regime_kernel(known, bandwidth)) <= 0).all()
    assert regime_kernel(scale * d, scale * bandwidth).tolist() == kernel.tolist()
    assert regime_kernel(np.zeros(1), bandwidth).tolist() == [1.0]


@settings(max_examples=50)
@given(tables, st.lists(st.booleans(), min_size=N_WINDOWS, max_size=N_WINDOWS))
def test_moments_know_only_the_windows_they_are_asked_about(
    trials: Trials, flags: list[bool]
) -> None:
    used = np.array(flags)
    inside = [t for t in trials if used[t[0]]]
    all_of_them = moments(cells_of(trials, QUARTER, N_PSETS), used)
    if inside:
        assert moments(cells_of(inside, QUARTER, N_PSETS), used) == all_of_them
    else:
        assert all_of_them.quarters == 0
