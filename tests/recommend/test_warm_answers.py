"""What a knowledge base keeps between questions never shows in an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb

STRATEGY = "sma_cross"
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"symbol": "AAPL", "timeframe": "1d"},
    {"symbol": "EURUSD", "regime": ["downtrend"]},
    {"regime": {"volatility_annual": 0.3, "rsi": 60.0}, "objective_type": "calmar"},
    {"regime": ["uptrend"], "as_of": "2012-01-01", "symbol": "IBM"},
    {"as_of": "2010-01-01", "objective_type": "return"},
    {"regime": ["ranging"], "regime_tags": ["uptrend"], "max_drawdown": 0.4},
    {"min_trades": 20, "require_oos": False, "mode": "debug"},
)


def said(answer: tkb.Recommendation) -> dict[str, Any]:
    """An answer without what differs each time it is given."""
    plain = answer.to_dict()
    return {k: v for k, v in plain.items() if k not in ("request_id", "timings", "at")}


def answers(kb: tkb.KnowledgeBase) -> list[dict[str, Any]]:
    return [said(kb.recommend(STRATEGY, **question)) for question in QUESTIONS]


@pytest.fixture
def fresh(sample_copy: Path, clock: Any) -> Any:
    """Answers of a knowledge base that has just been opened on the same store."""

    def ask() -> list[dict[str, Any]]:
        with tkb.connect(sample_copy, clock=clock, progress=False) as kb:
            return answers(kb)

    return ask


def test_questions_in_any_order_and_number_leave_no_trace_in_each_others_answers(
    sample: tkb.KnowledgeBase, fresh: Any
) -> None:
    first = answers(sample)
    again = [said(sample.recommend(STRATEGY, **q)) for q in reversed(QUESTIONS)][::-1]
    assert first == again == fresh()


def test_threads_that_share_a_knowledge_base_get_the_answers_of_one_that_is_alone(
    sample: tkb.KnowledgeBase, fresh: Any
) -> None:
    with ThreadPoolExecutor(6) as pool:
        futures = [
            pool.submit(lambda q=q: said(sample.recommend(STRATEGY, **q))) for q in QUESTIONS * 2
        ]
        found = [future.result() for future in futures]
    assert found == fresh() * 2


@pytest.mark.parametrize("change", ["trials", "spec", "floors"])
def test_a_change_by_another_process_is_in_the_very_next_answer(
    sample: tkb.KnowledgeBase, sample_copy: Path, clock: Any, fresh: Any, change: str
) -> None:
    before = answers(sample)
    with tkb.connect(sample_copy, clock=clock, progress=False) as other:
        spec = other.strategy(STRATEGY)
        assert spec is not None
        if change == "spec":
            narrow = [replace(p, high=20) if p.name == "fast" else p for p in spec.params]
            other.register_strategy(replace(spec, params=tuple(narrow)))
        elif change == "floors":
            other.register_strategy(replace(spec, floors={"min_trades": 9}))
        else:
            known = pl.read_parquet(Path(__file__).parents[2] / "data" / "trials.parquet")
            mine = known.filter(pl.col("strategy_name") == STRATEGY).head(400)
            other.ingest(mine.with_columns(sharpe_oos=pl.col("sharpe_oos") - 3.0))
    after = answers(sample)
    assert after != before
    assert after == fresh()


def test_tables_without_rows_have_the_column_types_of_those_with_rows(
    sample: tkb.KnowledgeBase,
) -> None:
    full = sample.recommend(STRATEGY, regime=["uptrend"])
    none = sample.recommend(STRATEGY, regime=["uptrend"], min_trades=10_000)
    assert (none.status, none.trials.height, none.evidence.height) == ("none", 0, 0)
    assert none.trials.schema == full.trials.schema
    assert none.evidence.schema == full.evidence.schema
