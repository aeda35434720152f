"""A good trial in plain Python, and how to read trials with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tradingkb.importers.frames import Batch, read_trials

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "source_id": "t1",
    "strategy_name": "sma_cross",
    "params": '{"fast":20,"slow":50}',
    "symbol": "IBM",
    "timeframe": "1d",
    "is_start": "2020-01-01",
    "is_end": "2022-01-01",
    "oos_start": "2022-01-01",
    "oos_end": "2022-07-01",
    "sharpe_is": 1.5,
    "sharpe_oos": 0.75,
    "max_drawdown_frac_oos": 0.125,
    "n_trades_oos": 12,
}
Reader = Callable[..., Batch]


@pytest.fixture(scope="session")
def good() -> dict[str, Any]:
    return GOOD


@pytest.fixture(scope="session")
def read() -> Reader:
    """Reads rows that are `GOOD` with changes; a change to `...` leaves the column out."""

    def read(*changes: dict[str, Any], **arguments: Any) -> Batch:
        rows = [{**GOOD, "source_id": f"t{i}", **change} for i, change in enumerate(changes, 1)]
        names = list(dict.fromkeys(name for row in rows for name in row))
        left_out = {name for row in rows for name, value in row.items() if value is ...}
        columns = {
            name: pl.Series(name, [row.get(name) for row in rows], strict=True)
            for name in names
            if name not in left_out
        }
        return read_trials(pl.DataFrame(columns), **{"now": NOW, **arguments})

    return read
