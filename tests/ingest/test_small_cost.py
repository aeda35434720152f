"""One new trial costs what concerns that trial, however much is stored: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.conftest import Clock
from tradingkb.domain import FEATURES, Regime, regime_to_json
from tradingkb.indexing import lost
from tradingkb.sql import counted

Open = Callable[..., tkb.KnowledgeBase]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The texts of what is executed inside."""
    texts: list[str] = []

    def executed(_: object, __: object, statement: str, *___: object) -> None:
        texts.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    yield texts
    sa.event.remove(sa.Engine, "before_cursor_execute", executed)


def trials(n: int, symbols: int = 1) -> pl.DataFrame:
    """n trials of two strategies with parameter sets of their own, on a window per symbol."""
    rows = [
        {
            "source_id": f"t{i}",
            "strategy_name": f"s{i % 2}",
            "params": f'{{"fast": {i + 2}}}',
            "symbol": f"X{i % symbols}",
            "timeframe": "1d",
            "oos_start": datetime(2020, 1, 1),
            "oos_end": datetime(2020, 6, 1),
            "regime_oos": regime(i % symbols),
            "sharpe_oos": i / n,
        }
        for i in range(n)
    ]
    return pl.DataFrame(rows)


def regime(n: int) -> str:
    """Some market, as JSON text; the least differences that a scaler can be fitted to."""
    features = {name: 0.1 + (n * k % 7) / 100 for k, name in enumerate(FEATURES)}
    return regime_to_json(Regime.measured(features, timeframe="1d", bars=100))


def one(name: str, **changes: object) -> pl.DataFrame:
    """One trial of a known strategy, window and parameter set."""
    row = trials(1).with_columns(pl.lit(name).alias("source_id"))
    return row.with_columns(pl.lit(value).alias(key) for key, value in changes.items())


#: What a single row may be to a store that has trials of its strategy.
SINGLE = {
    "a new trial": one("new"),
    "a new trial on a new window": one("new", symbol="Y"),
    "a new trial with new parameters": one("new", params='{"fast": 999}'),
    "a changed trial": one("t0", sharpe_oos=5.0),
    "an unchanged trial": one("t0"),
    "a rejected trial": one("new", kb_status="rejected"),
}


@pytest.mark.parametrize("row", SINGLE.values(), ids=SINGLE.keys())
def test_one_row_of_a_known_strategy_takes_at_most_ten_transactions(
    open_kb: Open, row: pl.DataFrame
) -> None:
    kb = open_kb()
    kb.ingest(trials(40, symbols=4))
    with counted() as cost:
        kb.ingest(row)
    assert cost.transactions <= 10


@pytest.mark.parametrize("row", SINGLE.values(), ids=SINGLE.keys())
def test_what_one_row_reads_does_not_grow_with_the_store(open_kb: Open, row: pl.DataFrame) -> None:
    read = []
    for size, symbols in ((40, 4), (400, 40)):
        kb = open_kb(f"home{size}")
        kb.ingest(trials(size, symbols))
        with counted() as cost:
            kb.ingest(row)
        read.append((cost.rows, cost.statements))
    assert read[0] == read[1]


def test_a_strategy_is_not_looked_through_for_one_new_trial(open_kb: Open) -> None:
    """`unfinished` joins all of a strategy's trials with their entries: that takes time by them."""
    kb = open_kb()
    kb.ingest(trials(40))
    with statements() as texts:
        kb.ingest(one("new"))
    assert len(texts) > 10
    assert not [text for text in texts if "trials LEFT OUTER JOIN" in text]


def test_lost_points_of_a_large_collection_are_looked_for_once_a_minute(
    open_kb: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By single rows; an ingest of many trials, or of the stored ones, looks each time."""
    monkeypatch.setattr(lost, "COUNTED_ALWAYS", 30)
    kb = open_kb()
    kb.ingest(trials(40))
    kb.ingest(one("first"))
    _lose(kb, 3)
    assert kb.ingest(one("second")).updated == 0
    clock.now += timedelta(minutes=1)
    assert kb.ingest(one("third")).updated == 3
    kb.ingest(one("fourth"))
    _lose(kb, 2)
    assert kb.ingest().updated == 2


def test_lost_points_of_a_small_collection_are_found_by_the_next_row(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(trials(40))
    kb.ingest(one("first"))
    _lose(kb, 3)
    assert kb.ingest(one("second")).updated == 3


def _lose(kb: tkb.KnowledgeBase, n: int) -> None:
    space = kb.workspaces().row(0, named=True)
    vectors = kb.use_cases.indexer.vectors
    ids = vectors.points(space["collection"], space["id"])["point_id"].head(n)
    vectors.delete(space["collection"], ids.to_list())
