"""What an answer was worth, measured on worlds where it is plain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradingkb.testing.worlds.case import Case, measure, plain_choice
from tradingkb.testing.worlds.row import plain_case
from tradingkb.testing.worlds.scene import Scene, quarters

SCENE = Scene(quarters(12), n_symbols=3, grid=(2, 2), noise=0.05, factor=0.05)
TRUTH = np.array([0.0, 0.1, 0.2, 1.0])


def drawn(truth: np.ndarray = TRUTH) -> Case:
    rng = np.random.default_rng(1)
    return plain_case(rng, SCENE, truth + SCENE.luck(rng), truth, right=truth > 0.5)


def test_the_best_set_is_no_regret_and_another_one_what_it_falls_short_of() -> None:
    found = measure(drawn())
    assert (found["regret"], found["plain"], found["right"]) == (0.0, 0.0, 1.0)
    mistaken = measure(replace(drawn(), truth=np.array([0.0, 1.5, 0.0, 1.0])))
    assert (mistaken["regret"], mistaken["plain"]) == (0.5, 0.5)
    assert mistaken["excess"] == 0.5 - 1.5 * 0.5


def test_an_interval_covers_the_true_mean_or_not() -> None:
    assert measure(drawn())["covers"] == 1.0
    elsewhere = measure(replace(drawn(), truth=TRUTH + 5.0))
    assert elsewhere["covers"] == 0.0
    assert elsewhere["bias"] == pytest.approx(-5.0, abs=0.1)


def test_windows_that_nobody_has_seen_are_counted_in_the_interval_of_luck() -> None:
    expected = drawn().answer().expected
    fresh = np.linspace(expected.window_low, expected.window_high + 1e3, 5)[:, None]
    assert measure(replace(drawn(), fresh=np.tile(fresh, 4)))["holds"] == pytest.approx(1 / 5)


def test_an_exception_is_a_figure() -> None:
    assert measure(replace(drawn(), asked={"objective_type": "luck"})) == {"raised": 1.0}


def test_the_same_world_beside_itself_is_the_same_answer() -> None:
    found = measure(replace(drawn(), beside=drawn()))
    assert (found["same_choice"], found["same_answer"], found["same_status"]) == (1.0, 1.0, 1.0)
    assert (found["moved"], found["wider"], found["dsr_moved"]) == (0.0, 0.0, 0.0)


def test_what_became_of_the_answer_beside_is_told() -> None:
    better = drawn(np.array([0.0, 3.0, 0.0, 1.0]))
    found = measure(replace(better, beside=drawn()))
    assert (found["same_choice"], found["same_answer"]) == (0.0, 0.0)
    assert found["moved"] > 1.0


def test_the_plain_mean_is_over_what_was_tried() -> None:
    scores = np.array([[[0.0, 5.0, np.nan]], [[1.0, np.nan, np.nan]]])
    assert plain_choice(scores) == 1
