"""`as_of` sees only what was knowable then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.recommend.sweeps import grid, plain

Open = Callable[..., tkb.KnowledgeBase]
AS_OF = datetime(2010, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def macd(data: Path) -> pl.DataFrame:
    trials = pl.read_parquet(data / "trials.parquet")
    return trials.filter((pl.col("strategy_name") == "macd_trend") & (pl.col("timeframe") == "1d"))


def ask(kb: tkb.KnowledgeBase, data: Path, **more: Any) -> dict[str, Any]:
    market = data / "ohlcv" / "AAPL_1d.parquet"
    return plain(kb.recommend("macd_trend", ohlcv=market, as_of=AS_OF, **more))


def test_trials_that_were_not_known_then_change_nothing(
    open_kb: Open, data: Path, macd: pl.DataFrame
) -> None:
    past = macd.filter(pl.col("oos_end") <= AS_OF.replace(tzinfo=None))
    answers = []
    for name, trials in (("past", past), ("all", macd)):
        kb = open_kb(name)
        kb.register_strategy(data / "strategies")
        kb.ingest(trials, ohlcv=data / "ohlcv")
        answers.append(ask(kb, data))
    assert answers[0] == answers[1]


def test_changing_the_future_changes_nothing(open_kb: Open, data: Path, macd: pl.DataFrame) -> None:
    later = pl.col("oos_end") > AS_OF.replace(tzinfo=None)
    other = macd.with_columns(pl.when(later).then(99.0).otherwise("sharpe_oos").alias("sharpe_oos"))
    answers = []
    for name, trials in (("real", macd), ("other", other)):
        kb = open_kb(name)
        kb.ingest(trials, ohlcv=data / "ohlcv")
        answers.append(ask(kb, data))
    assert answers[0] == answers[1]


def test_bars_after_as_of_are_cut_and_said(open_kb: Open, data: Path, macd: pl.DataFrame) -> None:
    kb = open_kb()
    kb.ingest(macd, ohlcv=data / "ohlcv")
    found = ask(kb, data)
    assert "ohlcv_cut_at_as_of" in found["warnings"]
    assert datetime.fromisoformat(found["regime"]["end"]) < AS_OF


def test_every_window_behind_the_answer_had_ended(
    open_kb: Open, data: Path, macd: pl.DataFrame
) -> None:
    kb = open_kb()
    kb.ingest(macd, ohlcv=data / "ohlcv")
    rec = kb.recommend("macd_trend", ohlcv=data / "ohlcv" / "AAPL_1d.parquet", as_of=AS_OF)
    assert rec.windows_used > 10
    assert rec.evidence["end"].max() <= AS_OF
    assert rec.trials["oos_end"].max() <= AS_OF


def test_a_result_counts_from_the_moment_it_is_known(open_kb: Open) -> None:
    kb = open_kb()
    frame = grid(1)
    kb.ingest(frame)
    end = frame["oos_end"][0].replace(tzinfo=UTC)
    before = kb.recommend(
        "s", as_of=end.replace(hour=0).isoformat().replace("2015-04-01", "2015-03-31")
    )
    assert before.reasons[0] == "no_trials_known_by_then"
    assert kb.recommend("s", as_of=end).after_strict == 5


def test_an_embargo_delays_when_a_result_counts(open_kb: Open) -> None:
    frame = grid(1)
    end = frame["oos_end"][0].replace(tzinfo=UTC)
    kb = open_kb(embargo_s=86_400.0)
    kb.ingest(frame)
    assert kb.recommend("s", as_of=end).reasons[0] == "no_trials_known_by_then"


def test_a_later_known_at_wins_over_the_window(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(1).with_columns(known_at=pl.lit(datetime(2020, 1, 1))))
    assert kb.recommend("s", as_of="2019-12-31").reasons[0] == "no_trials_known_by_then"
    assert kb.recommend("s", as_of="2020-01-01").after_strict == 5


def test_a_regime_is_measured_on_bars_that_have_closed(data: Path, tmp_path: Path) -> None:
    market = pl.read_parquet(data / "ohlcv" / "AAPL_1d.parquet")
    last = market[market.columns[0]][-1]
    noon = datetime(last.year, last.month, last.day, 12, tzinfo=UTC)
    with tkb.connect(tmp_path, clock=lambda: noon, progress=False) as kb:
        found = kb.regime(market)
        assert found.end is not None
        assert found.end < noon.replace(hour=0)
        assert found.warnings[0].startswith("ohlcv_unfinished: the bar of ")
        assert kb.regime(market[:-1]) == replace(found, warnings=())


def told(kb: tkb.KnowledgeBase, as_of: datetime) -> tuple[Any, ...]:
    """What is recommended, and what is expected of it."""
    found = kb.recommend("s", symbol="X", timeframe="1d", as_of=as_of)
    assert found.expected is not None
    return found.params, found.expected.value, found.expected.n_windows


def test_a_result_that_is_restated_later_says_what_it_said_before(open_kb: Open) -> None:
    """The clock stands at the day of the ingest; the past that is asked about lies before it."""
    kb = open_kb()
    kb.ingest(grid())
    then = datetime(2019, 1, 1, tzinfo=UTC)
    before = told(kb, then)
    kb.ingest(grid(best=40))
    assert told(kb, then) == before
    assert before[0] == {"fast": 20, "slow": 50}
    now = kb.recommend("s", symbol="X", timeframe="1d")
    assert now.params == {"fast": 40, "slow": 50}


def test_a_result_that_became_known_anew_does_not_vanish_from_the_past(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    then = datetime(2019, 1, 1, tzinfo=UTC)
    before = told(kb, then)
    kb.ingest(grid(best=40).with_columns(known_at=pl.lit(datetime(2020, 1, 1))))
    assert told(kb, then) == before


def test_between_two_runs_the_first_one_speaks_and_after_them_the_second(tmp_path: Path) -> None:
    days = [datetime(2021, 1, n, tzinfo=UTC) for n in (1, 2, 3, 4)]
    moments = iter(days)
    now = [next(moments)]
    with tkb.connect(tmp_path, clock=lambda: now[0], progress=False) as kb:
        kb.ingest(grid())
        now[0] = days[2]
        kb.ingest(grid(best=40))
        now[0] = days[3]
        best = [told(kb, day)[0]["fast"] for day in days]
    assert best == [20, 20, 40, 40]


def test_a_mistake_is_taken_out_of_the_past_by_withdrawing_its_run(open_kb: Open) -> None:
    kb = open_kb()
    wrong = kb.ingest(grid(best=40)).run_id
    kb.ingest(grid())
    then = datetime(2019, 1, 1, tzinfo=UTC)
    assert told(kb, then)[0]["fast"] == 40
    kb.withdraw(wrong, reason="wrong costs")
    assert told(kb, then)[0]["fast"] == 20


def test_the_past_of_a_strategy_whose_trials_are_all_withdrawn_is_empty(open_kb: Open) -> None:
    kb = open_kb()
    wrong = kb.ingest(grid(best=40)).run_id
    kb.promote([kb.trials()["source_id"][0]])
    kb.withdraw(wrong, reason="wrong costs")
    answer = kb.recommend("s", as_of=datetime(2019, 1, 1, tzinfo=UTC))
    assert answer.status == "none"
    assert "no_trials_for_strategy" in answer.reasons


def test_a_spec_that_is_registered_later_changes_no_answer_of_the_past(open_kb: Open) -> None:
    def declared(high: int, version: str = "1") -> tkb.StrategySpec:
        params = (tkb.ParamSpec("fast", "int", 2, high), tkb.ParamSpec("slow", "int", 2, 99))
        return tkb.StrategySpec("s", params, version)

    kb = open_kb()
    kb.ingest(grid())
    kb.register_strategy(declared(60))
    then = datetime(2019, 1, 1, tzinfo=UTC)
    before = told(kb, then)
    for later in (declared(10), declared(60, "2")):
        kb.register_strategy(later)
        assert told(kb, then) == before
    assert kb.recommend("s", symbol="X", timeframe="1d").strategy_version == "2"


def test_a_replay_judges_the_results_as_they_are_stored_now(open_kb: Open) -> None:
    """Corrections count in an evaluation: its decisions and its outcomes are of one truth."""
    corrected, twice = open_kb("corrected"), open_kb("twice")
    corrected.ingest(grid())
    twice.ingest(grid(best=40))
    twice.ingest(grid())
    tables = [kb.evaluate(controls=False).decisions for kb in (corrected, twice)]
    assert tables[0].equals(tables[1])
