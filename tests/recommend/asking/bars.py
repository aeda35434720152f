"""Bars that rise and fall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

FIRST: Final = datetime(2020, 1, 1, tzinfo=UTC)


def bars(n: int = 120, scale: float = 1.0) -> pl.DataFrame:
    """Daily bars that rise and fall."""
    close = 100 + scale * np.sin(np.arange(n) / 5) + 0.1 * np.arange(n)
    return pl.DataFrame(
        {
            "ts": [FIRST + timedelta(days=i) for i in range(n)],
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
        }
    )
