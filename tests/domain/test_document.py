from __future__ import annotations

from tradingkb.domain.document import document_text, query_text
from tradingkb.domain.regime import Regime

BEFORE = Regime.measured({"rsi": 60.0, "atr_pct": 0.0123})


def test_a_document_says_what_is_known_and_leaves_out_the_rest() -> None:
    trial = {
        "strategy_name": "sma_cross",
        "params": '{"fast":20}',
        "symbol": "IBM",
        "timeframe": None,
        "sharpe_oos": 1.25,
        "n_trades_oos": 12,
        "sharpe_is": None,
    }
    assert document_text(trial, None, None).splitlines() == [
        'strategy sma_cross with parameters {"fast":20}',
        "market IBM",
        "out-of-sample: sharpe 1.25, n_trades 12",
    ]


def test_a_query_describes_its_regime_as_documents_do() -> None:
    text = document_text({"strategy_name": "s", "params": "{}"}, BEFORE, None)
    assert query_text("s", BEFORE).splitlines()[1] == text.splitlines()[1]
    assert "rsi 60" in text
    assert "atr_pct 0.0123" in text
