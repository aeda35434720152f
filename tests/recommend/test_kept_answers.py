"""A process that stays answers like one that has just begun, whatever others have done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

import tradingkb as tkb
from tests.recommend.sweeps import by_volatility

Open = Callable[..., tkb.KnowledgeBase]

OTHERS = by_volatility(6, "CCC").with_columns(pl.lit("t").alias("strategy_name"))
LATER = by_volatility(8, "BBB")
SPEC = tkb.StrategySpec("s", (tkb.ParamSpec("fast", "int", low=2, high=50, default=10),))


def newest_run(kb: tkb.KnowledgeBase) -> str:
    runs = kb.runs().filter((pl.col("kind") == "ingest") & pl.col("source").str.contains("frame"))
    return str(runs["run_id"][0])


#: In this order: each meets what the ones before it left.
CHANGES: dict[str, Callable[[tkb.KnowledgeBase], object]] = {
    "trials of new windows": lambda kb: kb.ingest(LATER.head(12)),
    "trials of the other strategy": lambda kb: kb.ingest(OTHERS.head(9)),
    "more trials": lambda kb: kb.ingest(LATER.slice(12)),
    "nothing new": lambda kb: kb.ingest(LATER),
    "a promotion": lambda kb: kb.promote(["BBB1:20"]),
    "a rejection": lambda kb: kb.reject(["BBB3:20", "AAA1:20"], reason="look-ahead"),
    "trials of both": lambda kb: kb.ingest(pl.concat([OTHERS, by_volatility(9, "DDD")])),
    "an archive": lambda kb: kb.archive(["DDD1:20", "DDD3:20"]),
    "an ingest of what is archived": lambda kb: kb.ingest(by_volatility(9, "DDD")),
    "other scores": lambda kb: kb.ingest(
        LATER.with_columns(pl.col("sharpe_oos") + pl.col("n_trades_is") / 80)
    ),
    "a withdrawal": lambda kb: kb.withdraw(newest_run(kb), reason="a bug"),
    "its end": lambda kb: kb.reinstate(newest_run(kb)),
    "another regime": lambda kb: kb.ingest(
        by_volatility(9, "DDD").with_columns(
            pl.col("regime_is", "regime_oos").last().over("symbol")
        )
    ),
    "a spec": lambda kb: kb.register_strategy(SPEC),
    "an embedding of everything": lambda kb: kb.reembed(),
}


def answers(kb: tkb.KnowledgeBase) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = [
        {"regime": {"volatility_annual": 0.15}, "symbol": "AAA", "timeframe": "1d"},
        {"regime": {"volatility_annual": 0.6}, "as_of": "2015-01-01"},
    ]
    found = [kb.recommend(name, **one).to_dict() for name in ("s", "t") for one in asked]
    return [{k: v for k, v in a.items() if k not in ("at", "request_id", "timings")} for a in found]


def test_after_every_change_the_answers_are_those_of_a_fresh_process(open_kb: Open) -> None:
    writer, reader = open_kb(), open_kb()
    writer.ingest(pl.concat([by_volatility(6), OTHERS.head(3)]))
    before: list[dict[str, Any]] = []
    for name, change in CHANGES.items():
        change(writer)
        now = answers(reader)
        assert now == answers(open_kb()), name
        assert now != before or name in ("nothing new", "an embedding of everything"), name
        before = now
