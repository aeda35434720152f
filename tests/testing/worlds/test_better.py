"""Sets that are better are so in what was scored, and in windows that nobody has seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tradingkb.testing.worlds.case import Case
from tradingkb.testing.worlds.run import ROWS


def drawn(name: str, seed: int = 1) -> Case:
    return ROWS[name].draw(np.random.default_rng(seed))


@pytest.mark.parametrize("shape", ["mild", "steep"])
def test_four_neighbours_win_rarely_and_big(shape: str) -> None:
    case = drawn(f"rare:{shape} 200 quarters")
    assert case.right is not None
    assert case.right.sum() == 4
    assert case.truth.max() == 0.56
    lead = case.scores[..., case.right].mean() - case.scores[..., ~case.right].mean()
    assert lead == pytest.approx(0.56, abs=0.2)
    assert case.fresh[:, case.right].mean() == pytest.approx(0.56, abs=0.5)


def test_steep_wins_are_paid_for_in_all_other_windows() -> None:
    case = drawn("rare:steep 40 quarters")
    usual, others = (np.median(case.scores[..., sets]) for sets in (case.right, ~case.right))
    assert usual < others - 0.2


def test_the_busiest_set_earns_most() -> None:
    case = drawn("busy:40 quarters")
    trades = dict(case.world.rows.select("params", "n_trades_is").iter_rows())
    order = np.argsort([trades[text] for text in case.sets])
    assert (np.diff(case.truth[order]) >= 0).all()
    assert (case.truth.min(), case.truth.max()) == (0.0, pytest.approx(0.30))


@pytest.mark.parametrize("whose", ["market's", "own"])
def test_the_sign_of_a_feature_says_which_half_is_better_in_the_next_window(whose: str) -> None:
    case = drawn(f"regime:{whose} 80 quarters")
    up = case.asked["regime"].features["trend_direction"] > 0
    assert case.right is not None
    assert case.right[15:].all() == up
    assert case.right[:15].all() != up
    texts = case.world.rows.unique("window_key", maintain_order=True)["regime_is"]
    told = [json.loads(text)["features"]["trend_direction"] > 0 for text in texts]
    signs = np.array(told).reshape(case.scores.shape[:2])
    lead = case.scores[..., 15:].mean(axis=-1) - case.scores[..., :15].mean(axis=-1)
    assert lead[signs].mean() == pytest.approx(0.5, abs=0.1)
    assert lead[~signs].mean() == pytest.approx(-0.5, abs=0.1)


def test_a_placebo_carries_the_regime_of_another_time_and_is_asked_without_one_beside() -> None:
    true, placebo = (drawn(f"{row}:own 40 quarters") for row in ("regime", "placebo"))
    assert placebo.scores == pytest.approx(true.scores)
    assert placebo.world.rows["regime_is"].to_list() != true.world.rows["regime_is"].to_list()
    assert placebo.beside is not None
    assert placebo.beside.asked["regime"] is None
