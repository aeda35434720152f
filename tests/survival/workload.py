"""The trials that are sent, and the operations that are done with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import tradingkb as tkb

DATA = Path(__file__).resolve().parents[2] / "data"
OHLCV = DATA / "ohlcv" / "GOOG_1d.parquet"
STRATEGIES = ("macd_trend", "sma_cross")


def sample(windows: Sequence[int], per_window: int = 8) -> pl.DataFrame:
    """Trials of two strategies on some of the 13 windows of one symbol.

    Every seventh comes promoted and every tenth rejected, so that statuses, their history and
    trials without a point are part of every case.
    """
    place = pl.col("source_id").str.split(":")
    names = [f"w{n:02}" for n in windows]
    number = pl.int_range(pl.len())
    return (
        pl.read_parquet(DATA / "trials.parquet")
        .filter(pl.col("symbol") == "GOOG", pl.col("strategy_name").is_in(STRATEGIES))
        .with_columns(
            pl.when(number % 10 == 3)
            .then(pl.lit("rejected"))
            .when(number % 7 == 2)
            .then(pl.lit("promoted"))
            .otherwise(pl.lit("candidate"))
            .alias("kb_status")
        )
        .filter(place.list.get(2).is_in(names), place.list.get(4).cast(pl.Int32) < per_window)
    )


def changed(frame: pl.DataFrame) -> pl.DataFrame:
    """The same trials, every third with another result."""
    third = pl.int_range(pl.len()) % 3 == 1
    return frame.with_columns(
        pl.when(third).then(pl.col("sharpe_oos") + 0.25).otherwise("sharpe_oos").alias("sharpe_oos")
    )


def ingest(kb: tkb.KnowledgeBase, trials: pl.DataFrame | None, ohlcv: Path | None) -> Any:
    """One ingest; the counts of its report."""
    return kb.ingest(trials, ohlcv=ohlcv).counts()


def nothing(kb: tkb.KnowledgeBase) -> None:
    """Opening the home was all: that creates a store, or upgrades its schema."""


def answer(kb: tkb.KnowledgeBase) -> dict[str, Any]:
    """What the store recommends, without what differs from one question to the next."""
    found = kb.recommend("sma_cross", symbol="GOOG", timeframe="1d", regime=["uptrend"])
    return {k: v for k, v in found.to_dict().items() if k not in ("request_id", "at", "timings")}


def do(home: Path, operation: Callable[..., Any], *arguments: Any) -> Any:
    """An operation in this process, undisturbed."""
    with tkb.connect(home, progress=False) as kb:
        return operation(kb, *arguments)
