"""In worlds of noise the truth is nothing, or a symbol's level, whatever was scored."""

from __future__ import annotations

import numpy as np
import pytest

from tradingkb.testing.worlds.case import Case
from tradingkb.testing.worlds.run import ROWS


def drawn(name: str, seed: int = 1) -> Case:
    return ROWS[name].draw(np.random.default_rng(seed))


@pytest.mark.parametrize(
    "name", ["noise:measured regime", "rolling:3 months", "minutes:overlapping", "wild:a half"]
)
def test_no_set_is_better_than_another(name: str) -> None:
    assert (drawn(name).truth == 0).all()


def test_a_symbol_that_was_never_seen_has_a_level_of_its_own() -> None:
    case = drawn("levels:symbol 1.0 unseen")
    assert case.asked["symbol"] not in case.world.rows["symbol"]
    assert len(set(case.truth)) == 1
    assert case.beside is not None
    assert case.truth[0] != case.beside.truth[0]


def test_the_level_of_a_known_symbol_is_in_its_scores() -> None:
    cases = [drawn("levels:symbol 1.0 known", seed) for seed in range(20)]
    errors = [case.scores[:, 0].mean() - case.truth[0] for case in cases]
    assert np.std(errors) == pytest.approx(0.5 / np.sqrt(20), abs=0.06)


def test_each_set_was_tried_in_two_to_five_windows_of_every_symbol() -> None:
    tried = np.isfinite(drawn("sparse:2 to 5 of 20").scores)
    assert (tried == tried[:, :1]).all()
    assert set(tried[:, 0].sum(axis=0)) <= {2, 3, 4, 5}


def test_one_symbol_has_ten_times_the_windows_of_each_other_one() -> None:
    rows = drawn("dominating:another").world.rows
    windows = rows.unique("window_key")["symbol"].value_counts().sort("count")
    assert windows["count"].to_list() == [20] * 7 + [200]


def test_a_wild_symbol_has_wild_windows_to_come() -> None:
    wild, calm = drawn("wild:three times"), drawn("noise:measured regime")
    assert wild.fresh.std() == pytest.approx(3 * calm.fresh.std(), rel=0.05)
