"""How a calibrated confidence, luck and shrinking are told."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.presentation import facts
from tradingkb.presentation.card import answer_card
from tradingkb.presentation.text import answer_text

CALIBRATION = {"low": 0.43, "high": 0.64, "n": 485, "n_quarters": 24}
LUCK = {
    "deflated_sharpe": {
        "value": 0.736,
        "sharpe": 0.82,
        "benchmark": 0.62,
        "n_trials": 54,
        "years": 11.0,
    },
    "pbo": {
        "value": 0.02,
        "loss_probability": 0.0,
        "n_sets": 54,
        "n_splits": 12870,
        "n_quarters": 22,
        "n_blocks": 16,
        "enough": True,
    },
}


@pytest.fixture
def told(ok: dict[str, Any]) -> dict[str, Any]:
    return {
        **ok,
        "confidence": 0.531,
        "confidence_band": "low",
        "calibration": CALIBRATION,
        "overfitting": LUCK,
    }


@pytest.mark.parametrize("shown", [answer_text, answer_card])
def test_a_confidence_is_told_with_its_interval_and_what_it_rests_on(
    told: dict[str, Any], shown: Any
) -> None:
    text = " ".join(shown(told).replace("&nbsp;", " ").split())
    for part in ("53", "low", "43", "64"):
        assert part in text
    said = " ".join(answer_text(told).split())
    assert (
        "low: how often all past choices of this workspace and objective beat the defaults "
        "(43 % to 64 %; 485 decisions of 24 quarters), not learnt of this choice"
    ) in said


@pytest.mark.parametrize("shown", [answer_text, answer_card])
def test_luck_is_told_with_the_number_of_sets_and_quarters(
    told: dict[str, Any], shown: Any
) -> None:
    text = " ".join(shown(told).split())
    assert "54 sets" in text
    assert "22 quarters" in text


def test_overfitting_that_rests_on_too_little_says_so(told: dict[str, Any]) -> None:
    few = {**LUCK["pbo"], "n_sets": 3, "enough": False}
    (_, enough), (_, little) = (
        facts.luck({**told, "overfitting": {**LUCK, "pbo": pbo}}) for pbo in (LUCK["pbo"], few)
    )
    assert enough == (
        "overfitting 2 %: chance that the best of 54 sets in one half of 22 quarters is below the "
        "median in the other"
    )
    assert little.endswith(
        "the best of 3 sets in one half of 22 quarters is below the median in "
        "the other, from too few of them to tell"
    )


def test_what_is_not_known_is_not_told(told: dict[str, Any]) -> None:
    assert facts.luck({**told, "overfitting": None}) == []
    assert facts.confidence_basis({**told, "calibration": None}) == []
    only = facts.luck({**told, "overfitting": {**LUCK, "pbo": None}})
    assert [text.split()[0] for text in only] == ["deflated"]


def test_the_note_of_a_card_is_short_enough_for_its_column(told: dict[str, Any]) -> None:
    assert len(facts.confidence_note(told)) <= 40
