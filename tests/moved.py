"""A small store to be moved, with something in every corner, and files that say where to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

import tradingkb as tkb

DATA = Path(__file__).resolve().parents[1] / "data"
OHLCV = DATA / "ohlcv" / "GOOG_1d.parquet"


def few_trials(per_window: int = 4) -> pl.DataFrame:
    """Trials of one strategy on four windows of one symbol; every fifth comes rejected."""
    place = pl.col("source_id").str.split(":")
    status = pl.when(pl.int_range(pl.len()) % 5 == 3).then(pl.lit("rejected"))
    return (
        pl.read_parquet(DATA / "trials.parquet")
        .filter(
            (pl.col("symbol") == "GOOG") & (pl.col("strategy_name") == "sma_cross"),
            place.list.get(2).is_in(["w00", "w01", "w02", "w03"]),
            place.list.get(4).cast(pl.Int32) < per_window,
        )
        .with_columns(status.otherwise(pl.lit("candidate")).alias("kb_status"))
    )


def fill(home: Path) -> None:
    """A store with two workspaces, one of which has chosen a model; events, history and notes."""
    with tkb.connect(home, progress=False) as kb:
        kb.register_strategy(DATA / "strategies" / "sma_cross.toml")
        kb.ingest(few_trials(), ohlcv=OHLCV)
        kb.promote(kb.trials(limit=1)["trial_id"].to_list(), actor="ann")
        kb.recommend("sma_cross", symbol="GOOG", timeframe="1d", regime=["uptrend"])
        kb.create_workspace("desk", embed_model="regime-cosine-v1")
        kb.ingest(few_trials(2), "desk", ohlcv=OHLCV)
        kb.backup(home / "kb.tkb")  # leaves a note
        (home / "kb.tkb").unlink()


def settings_file(path: Path, **said: Any) -> Path:
    """A file in the form of .env."""
    path.write_text("".join(f"{name}={value}\n" for name, value in said.items()), "utf-8")
    return path


def answer(kb: tkb.KnowledgeBase) -> dict[str, Any]:
    """What a store recommends, without what differs from one question to the next."""
    found = kb.recommend("sma_cross", symbol="GOOG", timeframe="1d", regime=["uptrend"])
    return {k: v for k, v in found.to_dict().items() if k not in ("request_id", "at", "timings")}
