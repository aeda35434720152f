"""What is added to a world is added, and nothing else changes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tradingkb.testing.worlds.case import Case, chosen_of
from tradingkb.testing.worlds.run import ROWS


def drawn(name: str) -> tuple[Case, Case]:
    case = ROWS[name].draw(np.random.default_rng(1))
    assert case.beside is not None
    return case, case.beside


def test_two_of_a_hundred_windows_are_outliers() -> None:
    case, clean = drawn("outliers:2 % of windows")
    other = (case.scores != clean.scores).any(axis=-1)
    assert other.sum() == 3
    assert np.abs(case.scores[other]).mean() > 50
    assert case.world.rows["sharpe_oos"].to_numpy() == pytest.approx(case.scores.ravel())


def test_one_absurd_score_is_not_of_the_set_that_is_chosen_without_it() -> None:
    case, clean = drawn("outliers:one of 1e+15")
    ((_, _, place),) = np.argwhere(case.scores != clean.scores)
    assert case.scores.max() == 1e15
    assert place != chosen_of(clean, clean.answer())


@pytest.mark.parametrize(("name", "n"), [("every trial twice", 4800), ("lucky windows", 60)])
def test_copies_have_new_ids_and_nothing_else_of_their_own(name: str, n: int) -> None:
    case, clean = drawn(f"copies:{name}")
    rows, before = case.world.rows, clean.world.rows
    assert rows.height == before.height + n
    assert rows["source_id"].n_unique() == rows["trial_id"].n_unique() == rows.height
    same = pl.exclude("source_id", "trial_id")
    assert rows.select(same).unique().height == before.select(same).unique().height


def test_a_hopeless_set_is_tried_wherever_the_others_are() -> None:
    case, clean = drawn("hopeless:one more set")
    added = case.world.rows.slice(clean.world.rows.height)
    assert added["window_key"].n_unique() == added.height == 160
    assert added["params"].unique().to_list() == [case.sets[-1]]
    assert added["sharpe_oos"].mean() == pytest.approx(-5.0, abs=0.5)
    assert case.truth[-1] == -5.0
