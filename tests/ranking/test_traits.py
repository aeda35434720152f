"""A regime says what its deciding features have shown to decide, in worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.ranking.cells import Floats, cells_of, keys_of, learnt_of, line, trials_of
from tradingkb.ranking.study import Learnt
from tradingkb.ranking.traits import MIN_QUARTERS, REACH, Trait, Traits, deciding, traits_of

N_FEATURES, N_PSETS, N_SYMBOLS = 16, 8, 6
#: What a unit of the deciding feature adds to each set.
DIRECTION = np.linspace(-1.0, 1.0, N_PSETS)


def world(
    seed: int, *, sets: float = 0.0, level: float = 0.0, n_quarters: int = 20
) -> tuple[Learnt, Floats]:
    """Feature 0 decides between sets, feature 1 moves all of them, feature 2 is a placebo."""
    rng = np.random.default_rng(seed)
    quarter = np.repeat(np.arange(n_quarters), N_SYMBOLS)
    features = np.full((len(quarter), N_FEATURES), np.nan)
    features[:, :3] = rng.normal(size=(len(quarter), 3))
    table = rng.normal(size=(len(quarter), N_PSETS))
    table += sets * features[:, :1] * DIRECTION + level * features[:, 1:2]
    symbol = np.tile(np.arange(N_SYMBOLS), n_quarters).tolist()
    cells = cells_of(trials_of(table), quarter.tolist(), N_PSETS)
    return learnt_of(cells, keys_of(quarter.tolist(), symbol), plateau=line(N_PSETS)), features


def found_in(seed: int, **truth: float) -> Traits:
    found = traits_of(*world(seed, **truth))
    assert found is not None
    return found


def regime(**values: float) -> Floats:
    """Features by number, such as f0=1.0; all others unknown."""
    result = np.full(N_FEATURES, np.nan)
    for name, value in values.items():
        result[int(name[1:])] = value
    return result


def test_a_feature_that_decides_between_sets_is_found_and_predicts() -> None:
    for seed in range(8):
        learnt, features = world(seed, sets=0.6)
        found = traits_of(learnt, features)
        assert found is not None
        assert 0 in found.sets.feature
        added, _ = found.sets.at(regime(f0=1.0))
        assert np.corrcoef(added, DIRECTION)[0, 1] > 0.95
        # Shrunk by what it has shown and smoothed over neighbours, not overdone.
        slope = learnt.unit * float(added @ DIRECTION / (DIRECTION @ DIRECTION))
        assert 0.5 * 0.6 < slope < 1.1 * 0.6
        opposite, _ = found.sets.at(regime(f0=-1.0))
        np.testing.assert_allclose(opposite, -added)


def test_a_feature_that_moves_all_sets_alike_is_found_in_the_level_and_in_no_set() -> None:
    for seed in range(8):
        found = found_in(seed, level=1.0)
        assert found.level.feature.tolist() == [1]
        added, doubt = found.level.at(regime(f1=1.0))
        assert added[0] == pytest.approx(1.0, abs=0.25)
        assert 0 < doubt < 0.1
        assert 1 not in found.sets.feature


def test_a_placebo_is_found_in_few_worlds() -> None:
    found = [found_in(seed) for seed in range(30)]
    for kind in ("sets", "level"):
        wrong = [len(getattr(f, kind).feature) for f in found]
        assert np.mean(wrong) < 0.3  # of three features
    for f in found:
        added, _ = f.sets.at(regime(f0=1.0, f1=1.0, f2=1.0))
        assert np.abs(added).max() < 0.35


def test_features_that_are_unknown_add_nothing_and_leave_nothing_unknown() -> None:
    found = found_in(0, sets=0.6, level=1.0)
    for trait in (found.sets, found.level):
        added, doubt = trait.at(regime())
        assert added.tolist() == [0.0] * trait.slope.shape[1]
        assert doubt == 0.0
        # Nor do features that decide nothing.
        again, _ = trait.at(regime(f9=3.0, f2=0.0))
        assert again.tolist() == added.tolist()


def test_a_feature_counts_up_to_three_deviations() -> None:
    trait = Trait(np.array([4]), np.array([[1.0, -2.0]]), np.array([[0.5]]))
    for value, counted in ((2.0, 2.0), (3.0, REACH), (1e9, REACH), (-1e9, -REACH)):
        added, doubt = trait.at(regime(f4=value))
        np.testing.assert_allclose(added, [counted, -2 * counted])
        assert doubt == pytest.approx(0.5 * counted**2)


def test_without_deciding_features_a_regime_changes_nothing() -> None:
    trait = Trait(np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.zeros((0, 0)))
    added, doubt = trait.at(regime(f0=2.0))
    assert (added.tolist(), doubt) == ([0.0] * 3, 0.0)


def test_too_few_quarters_or_no_measured_window_say_nothing_of_regimes() -> None:
    learnt, features = world(0, sets=0.6, n_quarters=MIN_QUARTERS)
    assert traits_of(learnt, features) is not None
    assert traits_of(learnt, np.full(features.shape, np.nan)) is None
    fewer = np.where(np.arange(len(features))[:, None] < N_SYMBOLS, np.nan, features)
    assert traits_of(learnt, fewer) is None
    assert traits_of(*world(0, sets=0.6, n_quarters=MIN_QUARTERS - 1)) is None


def test_the_order_of_the_features_does_not_matter() -> None:
    learnt, features = world(0, sets=0.6, level=1.0)
    one, other = traits_of(learnt, features), traits_of(learnt, features[:, ::-1])
    assert one is not None and other is not None
    asked = np.random.default_rng(0).normal(size=N_FEATURES)
    for kind in ("sets", "level"):
        added, doubt = getattr(one, kind).at(asked)
        again, same = getattr(other, kind).at(asked[::-1])
        np.testing.assert_allclose(again, added, atol=1e-12)
        assert same == pytest.approx(doubt)


# --- which features decide ------------------------------------------------------------------------


def decides(values: Sequence[float], feature: Sequence[float], days: float = 90.0) -> float:
    n = len(values)
    keys = keys_of(list(range(n)), days=days)
    columns = (np.array(c, dtype=np.float64)[:, None] for c in (values, feature))
    return float(deciding(*columns, np.arange(n), keys)[0])


def test_a_feature_that_makes_all_the_difference_decides_all_of_it() -> None:
    feature = np.tile([1.0, -1.0], 20)
    assert decides(2.0 * feature, feature) == pytest.approx(4.0)
    assert decides(-2.0 * feature, feature) == pytest.approx(4.0)


def test_a_feature_that_never_varies_from_the_usual_decides_nothing() -> None:
    assert decides([1.0, -1.0, 1.0, -1.0], [0.0] * 4) == 0.0


def test_an_effect_that_turns_round_does_not_last_and_decides_nothing() -> None:
    feature = np.tile([1.0, -1.0], 20)
    turned = feature * np.where(np.arange(40) < 20, 1.0, -1.0)
    assert decides(turned, feature) == 0.0


def test_windows_that_share_days_do_not_vouch_for_each_other() -> None:
    # Neighbours in time are alike in both; no two windows that share no day are.
    together = np.array([1.0, 1.0, -1.0, -1.0])
    assert decides(together, together, days=90.0) > 0
    assert decides(together, together, days=90.0 * 4) == 0.0


def test_windows_of_which_one_ends_as_the_other_begins_share_no_day() -> None:
    assert decides([2.0, 2.0], [1.0, 1.0]) == pytest.approx(4.0)
    assert decides([2.0, 2.0], [1.0, 1.0], days=90.1) == 0.0


def test_what_a_feature_says_is_its_ridge_regression_shrunk_by_what_it_has_shown() -> None:
    learnt, features = world(0, level=0.5)
    found = traits_of(learnt, features)
    assert found is not None
    assert found.level.feature.tolist() == [1]
    windows, around = np.arange(len(features)), learnt.levels.around
    mine = np.clip(features[:, 1], -REACH, REACH)
    shown = deciding(around[:, None], mine[:, None], windows, learnt.keys)[0]
    precision = (mine**2).sum() / N_SYMBOLS + learnt.levels.noise / shown
    assert found.level.slope[0, 0] == pytest.approx((mine * around).sum() / N_SYMBOLS / precision)
    assert found.level.doubt[0, 0] == pytest.approx(learnt.levels.noise / precision)
