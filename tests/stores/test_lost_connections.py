"""A PostgreSQL whose network fails: what recovers by itself, and what is left alone for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
import stamina

import tradingkb as tkb
from tests.conftest import Clock
from tradingkb.exceptions import BackendUnavailableError, CircuitOpenError
from tradingkb.ports import patience
from tradingkb.testing.proxy import FaultyProxy


@pytest.fixture
def database(with_tables: Callable[[str], str]) -> str:
    return with_tables("postgresql")


@pytest.fixture
def proxy(database: str) -> Iterator[FaultyProxy]:
    query = sa.make_url(database).query
    with FaultyProxy(f"{query['host']}/.s.PGSQL.{query.get('port', 5432)}") as proxy:
        yield proxy


class Seconds:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def kb(
    proxy: FaultyProxy, database: str, seconds: Seconds, data: Path, tmp_path: Path
) -> Iterator[tkb.KnowledgeBase]:
    """A strategy's trials on one instrument, and their vectors, in PostgreSQL behind a proxy."""
    url = sa.make_url(database)
    behind = sa.URL.create(
        url.drivername, url.username, host="127.0.0.1", port=proxy.port, database=url.database
    )
    with (
        stamina.set_testing(True, attempts=100),
        tkb.connect(
            tmp_path,
            database_url=behind.render_as_string(False),
            clock=Clock(),
            monotonic=seconds,
            progress=False,
        ) as kb,
    ):
        mine = (pl.col("strategy_name") == "sma_cross") & (pl.col("symbol") == "IBM")
        kb.ingest(pl.read_parquet(data / "trials.parquet").filter(mine), ohlcv=data / "ohlcv")
        yield kb


def retries(caplog: pytest.LogCaptureFixture) -> int:
    return sum(r.getMessage() == "db_retry" for r in caplog.records)


def test_idle_connections_that_were_cut_are_not_noticed(
    kb: tkb.KnowledgeBase, proxy: FaultyProxy
) -> None:
    proxy.cut()
    assert kb.trials(limit=2).height == 2


def test_an_answer_whose_connection_is_reset_in_mid_read_is_given_all_the_same(
    kb: tkb.KnowledgeBase, proxy: FaultyProxy, caplog: pytest.LogCaptureFixture
) -> None:
    expected = kb.recommend("sma_cross", regime=["uptrend"])
    assert not expected.metadata_only
    for n_bytes in (1, *range(100, 6000, 700), 20_000, 80_000):
        kb.use_cases.asking.recommender.forget()
        caplog.clear()
        with caplog.at_level(logging.INFO, "tradingkb"):
            proxy.cut_after(n_bytes)
            answer = kb.recommend("sma_cross", regime=["uptrend"])
        assert (answer.params, answer.reasons) == (expected.params, expected.reasons)
        names = [r.getMessage() for r in caplog.records]
        assert names.count("kb_recommend_start") == names.count("kb_recommend_complete") == 1
        assert kb.health().circuit_breakers["supabase"]["failures"] == 0
    assert kb.use_cases.breakers.states()["db"].retries > 5


def test_a_database_that_is_down_is_left_alone_and_found_again(
    kb: tkb.KnowledgeBase,
    proxy: FaultyProxy,
    seconds: Seconds,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy.cut()
    proxy.refuse()
    with caplog.at_level(logging.INFO, "tradingkb"):
        for n in range(1, 6):
            with pytest.raises(BackendUnavailableError):
                kb.recommend("sma_cross", regime=["uptrend"])
            assert kb.health().circuit_breakers["supabase"]["failures"] == n
            assert retries(caplog) == 2 * n
    started = time.monotonic()
    with pytest.raises(CircuitOpenError, match="db: circuit breaker is open"):
        kb.recommend("sma_cross", regime=["uptrend"])
    assert time.monotonic() - started < 0.5
    ready = kb.ready()
    assert not ready.ready
    assert "circuit breaker is open" in ready.checks["database"].detail
    shown = kb.health().circuit_breakers["supabase"]
    assert (shown["state"], shown["is_open"]) == ("open", True)
    assert shown["last_error"] is not None
    assert "127.0.0.1" not in str(shown)
    proxy.restore()
    with pytest.raises(CircuitOpenError):
        kb.recommend("sma_cross", regime=["uptrend"])
    seconds.now += 30
    assert kb.recommend("sma_cross", regime=["uptrend"]).params is not None
    assert kb.health().circuit_breakers["supabase"]["state"] == "closed"
    assert kb.ready().ready


def test_a_question_to_a_database_that_hangs_takes_the_time_that_its_caller_has(
    kb: tkb.KnowledgeBase, proxy: FaultyProxy
) -> None:
    kb.recommend("sma_cross", regime=["uptrend"])
    proxy.hang()
    for _ in range(3):  # the first one finds kept connections
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError), patience(0.5):
            kb.recommend("sma_cross", regime=["uptrend"])
        assert time.monotonic() - started < 1.5
    proxy.restore()
    assert kb.recommend("sma_cross", regime=["uptrend"]).params is not None


VERBS: dict[str, Callable[[tkb.KnowledgeBase], Any]] = {
    "trials": lambda kb: kb.trials(limit=9),
    "strategies": lambda kb: kb.strategies(),
    "strategy": lambda kb: kb.strategy("sma_cross"),
    "events": lambda kb: kb.events(),
    "runs": lambda kb: kb.runs(),
    "workspaces": lambda kb: kb.workspaces(),
    "explain": lambda kb: kb.explain("sma_cross", {"fast": 10, "slow": 50, "allow_short": 0}),
}


def test_verbs_that_only_read_are_run_again(kb: tkb.KnowledgeBase, proxy: FaultyProxy) -> None:
    for name, verb in VERBS.items():
        verb(kb)
        before = kb.use_cases.breakers.states()["db"].retries
        for n_bytes in (100, 300, 600, 900):
            proxy.cut_after(n_bytes)
            verb(kb)
        assert kb.use_cases.breakers.states()["db"].retries > before, name
