"""A window and a question are described in the same words."""

from __future__ import annotations

import pytest

from tradingkb.domain import Regime, Side, query_text, window_text

CALM = Regime.measured({"rsi": 60.0, "atr_pct": 0.0123})
WILD = Regime.measured({"rsi": 20.0})


def test_a_window_is_described_by_what_is_known_of_its_market() -> None:
    both = window_text(CALM, WILD)
    assert [line.partition(":")[0] for line in both.splitlines()] == [
        "market before",
        "market during",
    ]
    assert window_text(None, WILD) == both.splitlines()[1]
    assert window_text(CALM, None) == both.splitlines()[0]


@pytest.mark.parametrize("side", ["before", "during"])
def test_a_question_is_described_as_windows_are_on_its_side(side: Side) -> None:
    text = query_text(CALM, side)
    assert text in window_text(CALM, CALM).splitlines()
    assert text.startswith(f"market {side}: ")


@pytest.mark.parametrize("nothing", [None, Regime({})])
def test_a_window_of_which_nothing_is_known_has_no_text(nothing: Regime | None) -> None:
    assert window_text(nothing, nothing) == ""
