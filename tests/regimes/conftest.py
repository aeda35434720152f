from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

Maker = Callable[..., pl.DataFrame]


def _frame(
    close: object,
    *,
    step: timedelta = timedelta(days=1),
    spread: float = 0.01,
    start: datetime = datetime(2020, 1, 1, tzinfo=UTC),
) -> pl.DataFrame:
    """Bars that open at the previous close, with wicks of `spread`."""
    closes = np.asarray(close, dtype=float)
    opens = np.concatenate([closes[:1], closes[:-1]])
    return pl.DataFrame(
        {
            "ts": [start + i * step for i in range(len(closes))],
            "open": opens,
            "high": np.maximum(opens, closes) * (1 + spread),
            "low": np.minimum(opens, closes) * (1 - spread),
            "close": closes,
            "volume": np.full(len(closes), 10.0),
        }
    )


@pytest.fixture(scope="session")
def make() -> Maker:
    return _frame


@pytest.fixture(scope="session")
def walk() -> np.ndarray:
    rng = np.random.default_rng(7)
    return 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 400)))
