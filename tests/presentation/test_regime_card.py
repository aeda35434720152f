from __future__ import annotations

import subprocess
import sys

from tradingkb.domain.regime import Regime
from tradingkb.presentation.regime_card import regime_card

HOSTILE = "<script>alert('x')</script>"


def test_the_card_shows_units_and_evidence_and_escapes_what_others_wrote():
    regime = Regime.measured({"rsi": 71.25}, symbol=HOSTILE, timeframe="1d", warnings=(HOSTILE,))
    card = regime_card(regime.to_dict())
    assert "<script>" not in card
    assert card.count("&lt;script&gt;") == 2
    assert "rsi &gt;= 67 (is 71.25)" in card
    assert "0..100" in card


def test_a_regime_without_tags_says_so():
    assert "no tag fired" in regime_card(Regime.measured({"rsi": 50.0}).to_dict())


def test_a_regime_is_a_card_before_anything_else_is_loaded():
    program = "from tradingkb import Regime\nprint(Regime.stated(tags=['uptrend'])._repr_html_())"
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "<strong>Stated regime</strong>" in shown.stdout


def test_without_a_card_notebooks_show_the_text(monkeypatch):
    monkeypatch.setattr(Regime, "card", None)
    assert Regime.stated(tags=["uptrend"])._repr_html_() is None
