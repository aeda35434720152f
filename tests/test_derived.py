"""The columns that filters compare."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tradingkb.derived import FILTER_COLUMNS, N_TRADES
from tradingkb.domain.trial import METRICS


@pytest.mark.parametrize(
    ("inside", "outside", "both"),
    [(3, 2, 5), (3, None, 3), (None, 2, 2), (None, None, None), (0, 0, 0), (None, 0, 0)],
)
def test_trades_of_both_samples_count_and_are_unknown_only_when_neither_is_known(
    inside: int | None, outside: int | None, both: int | None
) -> None:
    schema = {"n_trades_is": pl.Int64, "n_trades_oos": pl.Int64}
    frame = pl.DataFrame([{"n_trades_is": inside, "n_trades_oos": outside}], schema=schema)
    assert frame.select(N_TRADES)["n_trades"].item() == both


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, (False, None, None, None)),
        (
            {"max_drawdown_frac_is": 0.3, "n_trades_is": 9, "sharpe_is": 1.0},
            (False, 0.3, 9, None),
        ),
        (
            {"sharpe_is": 2.0, "sharpe_oos": 0.5, "max_drawdown_frac_is": 0.3, "n_trades_is": 9},
            (True, None, 9, 1.5),
        ),
        (
            {
                "sharpe_is": 0.5,
                "sharpe_oos": 2.0,
                "max_drawdown_frac_oos": 0.1,
                "n_trades_is": 9,
                "n_trades_oos": 3,
            },
            (True, 0.1, 12, 0.0),
        ),
    ],
)
def test_filters_look_at_the_drawdown_of_the_sample_that_earned_the_score_and_all_trades(
    facts: dict[str, float], expected: tuple[Any, ...]
) -> None:
    names = [f"{metric}_{sample}" for metric in METRICS for sample in ("is", "oos")]
    kinds = {n: pl.Int64 if n.startswith("n_trades") else pl.Float64 for n in names}
    frame = pl.DataFrame([{name: facts.get(name) for name in names}], schema=kinds)
    found = frame.select(FILTER_COLUMNS)
    assert found.columns == ["has_oos", "max_drawdown", "n_trades", "overfit_gap"]
    assert found.row(0) == expected
