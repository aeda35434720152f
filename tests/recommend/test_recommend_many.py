"""Many questions in one call."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import tradingkb as tkb
from tests.recommend.sweeps import STRATEGIES, grid, spec
from tradingkb.recommend.asking import event_log as record
from tradingkb.recommend.asking import many
from tradingkb.regimes import read
from tradingkb.sql import counted

Open = Callable[..., tkb.KnowledgeBase]
MOVING = ("request_id",)


def questions(data: Path) -> list[dict[str, Any]]:
    """Questions of every kind: measured, stated, without a market, filtered, as of."""
    prices = data / "ohlcv"
    return [
        {"strategy_name": "sma_cross", "ohlcv": str(prices / "AAPL_1d.parquet")},
        {"strategy_name": "bb_reversal", "ohlcv": prices / "EURUSD_1h.parquet"},
        {"strategy_name": "sma_cross", "regime": ["uptrend"], "symbol": "IBM", "timeframe": "1d"},
        {"strategy_name": "macd_trend"},
        {
            "strategy_name": "sma_cross",
            "ohlcv": pl.read_parquet(prices / "IBM_1d.parquet"),
            "symbol": "IBM",
            "objective_type": "return",
        },
        {"strategy_name": "bb_reversal", "symbol": "MSFT", "min_trades": 10**6},
        {
            "strategy_name": "macd_trend",
            "ohlcv": prices / "MSFT_1d.parquet",
            "as_of": "2011-06-01",
            "min_trades": 1,
            "require_oos": False,
        },
        {
            "strategy_name": "sma_cross",
            "regime": {"volatility_annual": 0.3},
            "timeframe": "1d",
            "regime_tags": ["downtrend"],
        },
    ]


def expected_row(rec: tkb.Recommendation) -> dict[str, Any]:
    """What a row says of an answer that was asked alone."""
    expected, base = rec.expected or {}, rec.baseline or {}
    average, defaults = (base.get(key) or {} for key in ("regime_agnostic", "defaults"))
    return {
        "strategy_name": rec.strategy_name,
        "objective_type": rec.objective_type,
        "symbol": rec.symbol,
        "timeframe": rec.timeframe,
        "status": rec.status,
        "params": json.dumps(rec.params, separators=(",", ":")) if rec.params else None,
        "expected": expected.get("value"),
        "low": expected.get("low"),
        "high": expected.get("high"),
        "confidence": rec.confidence,
        "confidence_low": None,
        "confidence_high": None,
        "baseline_expected": (average.get("expected") or {}).get("value"),
        "defaults_expected": (defaults.get("expected") or {}).get("value"),
        "windows": rec.windows_used,
        "quarters": expected.get("n_quarters", 0),
        "own_windows": expected.get("own_windows", 0),
        "reasons": list(rec.reasons),
        "warnings": list(rec.warnings),
        "error": None,
    }


def rows_of(table: pl.DataFrame, *drop: str) -> list[dict[str, Any]]:
    return table.drop(*MOVING, *drop).to_dicts()


def test_each_row_is_the_answer_that_the_question_gets_alone(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    asked = questions(data)
    alone = [expected_row(the_sample.recommend(**question)) for question in asked]
    assert {row["status"] for row in alone} == {"ok", "degraded", "none"}
    assert rows_of(the_sample.recommend_many(asked), "market") == alone


def test_the_order_of_the_questions_is_the_order_of_the_answers_and_changes_none(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    asked = questions(data)
    order = [5, 2, 7, 0, 3, 6, 1, 4]
    one = rows_of(the_sample.recommend_many(asked))
    other = rows_of(the_sample.recommend_many([asked[k] for k in order]))
    assert other == [one[k] for k in order]


def test_a_folder_of_prices_is_asked_about_strategy_by_strategy(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    markets = ["AAPL_1d", "EURUSD_1h", "FB_1d", "GOOG_1d", "IBM_1d", "MSFT_1d"]
    table = the_sample.recommend_many(
        strategies=["sma_cross", "bb_reversal"], markets=data / "ohlcv"
    )
    pairs = table.select("strategy_name", "market").rows()
    assert pairs == [(s, m) for s in ("sma_cross", "bb_reversal") for m in markets]
    assert table["symbol"].to_list() == [m.split("_")[0] for m in markets] * 2
    everything = the_sample.recommend_many(markets=data / "ohlcv")
    assert sorted(everything["strategy_name"].unique()) == sorted(STRATEGIES)
    assert everything.height == 36


def test_prices_are_read_once_per_market(
    sample: tkb.KnowledgeBase, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[str] = []
    original = read._file
    monkeypatch.setattr(read, "_file", lambda path: (files.append(path.name), original(path))[1])
    asked = [
        {"strategy_name": s, "market": "IBM_1d", "as_of": day}
        for s in STRATEGIES
        for day in ("2010-01-01", "2011-01-01")
    ]
    table = sample.recommend_many(asked, strategies=STRATEGIES, markets=data / "ohlcv")
    assert table["error"].null_count() == table.height == 12 + 36
    assert sorted(files) == sorted(path.name for path in (data / "ohlcv").glob("*.parquet"))


SPELLINGS: dict[str, Callable[[Path], Any]] = {
    "a file": lambda folder: folder / "IBM_1d.parquet",
    "a list of files": lambda folder: [str(folder / "IBM_1d.parquet")],
    "a named file": lambda folder: {"IBM_1d": folder / "IBM_1d.parquet"},
    "a frame that is named as a file": lambda f: {"IBM_1d": pl.read_parquet(f / "IBM_1d.parquet")},
    "a frame by symbol and timeframe": lambda folder: {
        ("IBM", "1d"): pl.read_parquet(folder / "IBM_1d.parquet")
    },
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_market_means_the_same(
    the_sample: tkb.KnowledgeBase, data: Path, spelling: Callable[[Path], Any]
) -> None:
    alone = the_sample.recommend("sma_cross", ohlcv=data / "ohlcv" / "IBM_1d.parquet")
    table = the_sample.recommend_many(strategies="sma_cross", markets=spelling(data / "ohlcv"))
    assert rows_of(table) == [{"market": "IBM_1d", **expected_row(alone)}]


def test_a_stated_regime_is_a_market_too(the_sample: tkb.KnowledgeBase) -> None:
    stated = tkb.Regime.stated(tags=["ranging"])
    markets = {"quiet": {"volatility_annual": 0.1}, "ranging": stated}
    table = the_sample.recommend_many(strategies="bb_reversal", markets=markets)
    alone = [the_sample.recommend("bb_reversal", regime=regime) for regime in markets.values()]
    assert rows_of(table, "market") == [expected_row(rec) for rec in alone]


def test_a_frame_a_file_and_a_list_ask_the_same(
    the_sample: tkb.KnowledgeBase, tmp_path: Path
) -> None:
    asked = [
        {"strategy_name": "sma_cross", "symbol": "IBM", "regime": "uptrend,high_volatility"},
        {"strategy_name": "bb_reversal", "regime": '{"volatility_annual": 0.2}', "min_trades": 9},
    ]
    frame = pl.DataFrame(asked)
    frame.write_csv(tmp_path / "questions.csv")
    frame.write_parquet(tmp_path / "questions.parquet")
    listed = rows_of(the_sample.recommend_many(asked))
    for source in (
        frame,
        pd.DataFrame(asked),
        tmp_path / "questions.csv",
        str(tmp_path / "questions.parquet"),
    ):
        assert rows_of(the_sample.recommend_many(source)) == listed
    alone = the_sample.recommend("bb_reversal", regime={"volatility_annual": 0.2}, min_trades=9)
    assert listed[1]["expected"] == (alone.expected or {})["value"]
    tags = the_sample.recommend("sma_cross", symbol="IBM", regime=["uptrend", "high_volatility"])
    assert listed[0]["expected"] == (tags.expected or {})["value"]


def test_what_a_row_says_comes_before_what_is_said_for_all(the_sample: tkb.KnowledgeBase) -> None:
    asked = [{"strategy_name": "sma_cross"}, {"strategy_name": "sma_cross", "min_trades": 5}]
    table = the_sample.recommend_many(asked, min_trades=10**6, objective_type="return")
    assert table["status"].to_list() == ["none", "degraded"]
    assert table["objective_type"].to_list() == ["return", "return"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown strategy": ({"strategy_name": "sma_cros"}, "did you mean sma_cross"),
    "no strategy": ({"symbol": "IBM"}, "name a strategy"),
    "an unknown objective": ({"strategy_name": "sma_cross", "objective_type": "sharp"}, "sharpe"),
    "an unknown market": ({"strategy_name": "sma_cross", "market": "IBM_2d"}, "IBM_1d"),
    "two markets": (
        {"strategy_name": "sma_cross", "market": "IBM_1d", "regime": ["uptrend"]},
        "market and regime are both given",
    ),
    "an unknown tag": ({"strategy_name": "sma_cross", "regime": ["uptrendy"]}, "uptrend"),
    "no such file": ({"strategy_name": "sma_cross", "ohlcv": "nowhere.parquet"}, "no file"),
    "no time": ({"strategy_name": "sma_cross", "as_of": "yesterday"}, "'yesterday' is no time"),
    "a filter out of range": ({"strategy_name": "sma_cross", "max_drawdown": -1.0}, "max_drawdown"),
    "no JSON": ({"strategy_name": "sma_cross", "regime": "{rsi"}, "no JSON"),
}


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_a_bad_question_has_its_row_and_does_not_lose_the_others(
    the_sample: tkb.KnowledgeBase, data: Path, bad: dict[str, Any], message: str
) -> None:
    good = {"strategy_name": "macd_trend", "market": "IBM_1d"}
    recorded = the_sample.events(limit=1_000).height
    table = the_sample.recommend_many([good, bad, good], markets=data / "ohlcv")
    assert table["status"].to_list() == ["ok", "error", "ok"]
    assert table["error"][1].startswith("row 2: ")
    assert message in table["error"][1]
    assert table["request_id"].is_null().to_list() == [False, True, False]
    assert the_sample.events(limit=1_000).height == recorded + 2
    with pytest.raises(tkb.InvalidInputError, match=r"^row 2: "):
        the_sample.recommend_many([good, bad, {}], markets=data / "ohlcv", strict=True)
    assert the_sample.events(limit=1_000).height == recorded + 2


def test_a_market_that_cannot_be_read_is_named_in_each_of_its_rows(
    the_sample: tkb.KnowledgeBase, data: Path, tmp_path: Path
) -> None:
    shutil.copy(data / "ohlcv" / "IBM_1d.parquet", tmp_path)
    pl.DataFrame({"ts": [1]}).write_parquet(tmp_path / "BAD_1d.parquet")
    table = the_sample.recommend_many(strategies=["sma_cross", "macd_trend"], markets=tmp_path)
    assert table["status"].to_list() == ["error", "ok", "error", "ok"]
    assert table["error"][2].startswith("row 3: market BAD_1d: open: no column for open")


def test_a_call_that_asks_nothing_or_cannot_be_meant_is_refused(
    the_sample: tkb.KnowledgeBase, tmp_path: Path
) -> None:
    for arguments, message in (
        ({}, "nothing is asked"),
        ({"questions": [{"strategy": "x"}]}, "unknown column 'strategy' .did you mean strategy_na"),
        ({"questions": 5}, "int is no table of questions"),
        ({"questions": tmp_path / "none.csv"}, "no table of questions"),
        ({"questions": [{"strategy_name": "x"}], "markets": ["X_1d.csv"]}, "no question names a"),
        ({"strategies": "x", "markets": 5}, "int names no market"),
        ({"strategies": "x", "markets": tmp_path}, "holds no series"),
        ({"strategies": "x", "markets": ["a/X_1d.csv", "b/X_1d.csv"]}, "two markets are named"),
    ):
        with pytest.raises(tkb.InvalidInputError, match=message):
            the_sample.recommend_many(**arguments)
    assert the_sample.recommend_many([]).is_empty()
    with pytest.raises(tkb.UnknownWorkspaceError):
        the_sample.recommend_many(strategies="sma_cross", workspace="nowhere")


def test_every_answer_is_recorded_once_like_a_single_one(
    sample: tkb.KnowledgeBase, data: Path
) -> None:
    table = sample.recommend_many(questions(data), caller="dashboard")
    events = sample.events()
    assert sorted(events["request_id"]) == sorted(table["request_id"])
    assert set(events["source"]) == {"dashboard"}
    sample.recommend(**questions(data)[0])
    single = sample.events(limit=1).drop("request_id", "at", "timings", "source").to_dicts()
    batch = events.filter(request_id=table["request_id"][0])
    assert batch.drop("request_id", "at", "timings", "source").to_dicts() == single


def test_events_of_a_batch_wait_while_the_database_is_busy_and_drops_are_counted(
    open_kb: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "QUEUE_LIMIT", 7)
    monkeypatch.setattr(record, "BATCH", 3)
    kb = open_kb()
    kb.register_strategy(spec())
    kb.ingest(grid())
    writer = sqlite3.connect(tmp_path / "home" / "tradingkb.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    table = kb.recommend_many([{"strategy_name": "s"}] * 10)
    assert table["status"].to_list() == ["degraded"] * 10
    assert (kb.use_cases.asking.events.flush(), kb.use_cases.asking.events.dropped) == (7, 3)
    writer.execute("ROLLBACK")
    writer.close()
    assert sorted(kb.events()["request_id"]) == sorted(table["request_id"][3:])


# --- what it costs --------------------------------------------------------------------------------


def many_strategies(n: int) -> pl.DataFrame:
    """Two sets of each strategy in four windows; which one is better differs."""
    rows = [
        {
            "strategy_name": f"s{s}",
            "param_fast": fast,
            "symbol": "AAPL",
            "timeframe": "1d",
            "sharpe_oos": (1.0 if (s + fast) % 2 else 0.2) + year / 100,
            "n_trades_oos": 100,
            "max_drawdown_frac_oos": 0.1,
            "oos_start": f"{2010 + year}-01-01",
            "oos_end": f"{2010 + year}-12-31",
        }
        for s in range(n)
        for fast in (5, 10)
        for year in range(4)
    ]
    return pl.DataFrame(rows)


def test_a_strategy_more_costs_one_statement_more_and_changes_no_answer(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "_TOGETHER", 8)
    kb = open_kb()
    kb.ingest(many_strategies(24))
    kb.recommend_many([{"strategy_name": "s0"}])  # what is read once is read
    statements = {}
    for n in (8, 16, 24):
        kb.use_cases.asking.recommender.forget()
        with counted() as asked:
            table = kb.recommend_many([{"strategy_name": f"s{i}"} for i in range(n)])
        statements[n] = asked.statements
        assert rows_of(table) == [
            {"market": None, **expected_row(kb.recommend(f"s{i}"))} for i in range(n)
        ]
    together = statements[24] - statements[16]
    assert together == statements[16] - statements[8]
    assert together <= 8 + 7
