"""A handful of trials to send."""

from __future__ import annotations

from datetime import datetime

import polars as pl


def few(n: int = 6, **columns: object) -> pl.DataFrame:
    """n trials of one strategy on one window each."""
    start = [datetime(2020, 1 + i % 12, 1) for i in range(n)]
    frame = pl.DataFrame(
        {
            "source_id": [f"t{i}" for i in range(n)],
            "params": [f'{{"fast": {5 + i}, "slow": 50}}' for i in range(n)],
            "symbol": ["X"] * n,
            "timeframe": ["1d"] * n,
            "oos_start": start,
            "oos_end": [t.replace(day=28) for t in start],
            "sharpe_oos": [0.1 * i for i in range(n)],
        }
    )
    return frame.with_columns(pl.lit("s").alias("strategy_name")).with_columns(
        pl.lit(value).alias(name) for name, value in columns.items()
    )
