"""A window and a question are described in the same words, which are the more alike the nearer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tradingkb.domain import FEATURE_INFO, FEATURES, Regime, Side, query_text, window_text
from tradingkb.domain.document import WORDINGS

CALM = Regime.measured({"rsi": 60.0, "volatility_annual": 0.15})
WILD = Regime.measured({"rsi": 20.0})


def said(**features: float) -> list[str]:
    return query_text(Regime(features), "before").removeprefix("market before: ").split(", ")


def test_a_window_is_described_by_what_is_known_of_its_market() -> None:
    both = window_text(CALM, WILD)
    assert both.splitlines() == [
        "market before: quiet, overbought",
        "market during: deeply oversold, oversold",
    ]
    assert window_text(None, WILD) == both.splitlines()[1]
    assert window_text(CALM, None) == both.splitlines()[0]


@pytest.mark.parametrize("side", ["before", "during"])
def test_a_question_is_described_as_windows_are_on_its_side(side: Side) -> None:
    text = query_text(CALM, side)
    assert text in window_text(CALM, CALM).splitlines()
    assert text.startswith(f"market {side}: ")


@pytest.mark.parametrize("nothing", [None, Regime({})])
def test_a_market_of_which_nothing_is_known_has_no_text(nothing: Regime | None) -> None:
    assert window_text(nothing, nothing) == ""
    assert query_text(nothing, "during") == ""


@pytest.mark.parametrize(
    ("rsi", "phrases"),
    [
        (0.0, ["deeply oversold", "oversold"]),
        (34.0, ["deeply oversold", "oversold"]),
        (34.1, ["oversold"]),
        (47.0, ["oversold"]),
        (47.1, ["ordinary"]),
        (58.9, ["ordinary"]),
        (59.0, ["overbought"]),
        (70.9, ["overbought"]),
        (71.0, ["overbought", "deeply overbought"]),
        (100.0, ["overbought", "deeply overbought"]),
    ],
)
def test_the_further_from_what_is_usual_the_more_is_said(rsi: float, phrases: list[str]) -> None:
    assert said(rsi=rsi) == phrases


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_has_four_steps_within_its_bounds(name: str) -> None:
    wording, info = WORDINGS[name], FEATURE_INFO[name]
    cuts = [*wording.below, *wording.above]
    assert all(low < high for low, high in pairwise([info.low, *cuts, info.high]))


@pytest.mark.parametrize("name", FEATURES)
def test_one_step_further_is_one_phrase_more_or_less(name: str) -> None:
    wording, info = WORDINGS[name], FEATURE_INFO[name]
    cuts = [info.low, *wording.below, *wording.above, info.high]
    steps = [set(wording.of((low + high) / 2)) for low, high in pairwise(cuts)]
    assert [len(step) for step in steps] == [2, 1, 0, 1, 2]
    assert all(len(one ^ other) == 1 for one, other in pairwise(steps))


def test_no_phrase_is_said_of_two_features() -> None:
    phrases = [phrase for wording in WORDINGS.values() for phrase in wording.phrases]
    assert len(set(phrases)) == len(phrases) == 4 * len(FEATURES)


def test_a_feature_that_is_not_known_is_not_said() -> None:
    assert said(rsi=80.0, zscore=0.0) == said(rsi=80.0)
    assert list(WORDINGS) == list(FEATURES)
