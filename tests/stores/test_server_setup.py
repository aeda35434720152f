"""PostgreSQL, alone or with Qdrant, answers like the embedded default."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.survival.workload import sample


def answers(kb: tkb.KnowledgeBase, data: Path) -> list[Any]:
    trials = pl.read_parquet(data / "trials.parquet").filter(
        (pl.col("strategy_name") == "bb_reversal") & (pl.col("symbol") != "EURUSD")
    )
    kb.register_strategy(data / "strategies")
    first = kb.ingest(trials, ohlcv=data / "ohlcv")
    again = kb.ingest(trials)
    market = data / "ohlcv" / "IBM_1d.parquet"
    found = [
        kb.recommend("bb_reversal", ohlcv=market),
        kb.recommend("bb_reversal", ohlcv=market, as_of="2009-01-01"),
        kb.recommend("bb_reversal", max_drawdown=0.001, min_trades=30),
    ]
    columns = ("strategy_name", "status", "after_strict", "params")
    events = [
        (*row[:3], json.loads(row[3] or "null")) for row in kb.events().select(columns).rows()
    ]
    return [
        first.counts(),
        again.counts(),
        events,
        kb.trials(limit=5).drop("ingested_at", "run_id"),
        *(
            (
                r.status,
                r.params,
                r.reasons,
                r.after_strict,
                r.tie_break_counts,
                r.trials["source_id"].to_list(),
                r.filter_rejections,
                r.recommended_relaxed_settings,
            )
            for r in found
        ),
    ]


@pytest.fixture(scope="module")
def embedded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], Path]:
    """What the embedded default answers, and a backup of it."""
    folder = tmp_path_factory.mktemp("embedded")
    with tkb.connect(folder / "home", progress=False) as kb:
        found = answers(kb, data)
        kb.backup(folder / "b")
    return found, folder / "b"


@pytest.mark.parametrize("index", [{}, {"qdrant_url": ":memory:"}], ids=["alone", "qdrant"])
def test_a_server_gives_the_same_answers_as_sqlite_and_numpy(
    embedded: tuple[list[Any], Path],
    with_tables: Callable[[str], str],
    data: Path,
    tmp_path: Path,
    index: dict[str, str],
) -> None:
    if index:
        pytest.importorskip("qdrant_client")
    with tkb.connect(
        tmp_path, progress=False, database_url=with_tables("postgresql"), **index
    ) as kb:
        served = answers(kb, data)
    here = list(embedded[0])
    trials = [found.pop(3) for found in (here, served)]
    assert here == served
    columns = [c for c in trials[0].columns if c != "trial_id"]
    assert trials[0].select(columns).equals(trials[1].select(columns))


def test_a_backup_moves_an_embedded_store_to_the_servers(
    embedded: tuple[list[Any], Path],
    with_tables: Callable[[str], str],
    data: Path,
    tmp_path: Path,
) -> None:
    pytest.importorskip("qdrant_client")
    here, backup = embedded
    server = {"database_url": with_tables("postgresql"), "qdrant_url": ":memory:"}
    with tkb.connect(tmp_path, progress=False, **server) as kb:
        assert kb.restore(backup).complete
        assert kb.reconcile().clean
        told = kb.recommend("bb_reversal", ohlcv=data / "ohlcv" / "IBM_1d.parquet")
        assert (told.status, told.params, told.reasons) == here[4][:3]
        assert told.trials["source_id"].to_list() == here[4][5]
        assert kb.events().height == 4


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_question_with_a_nul_is_bad_input_and_shows_no_address(
    with_tables: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    url = with_tables(kind)
    with tkb.connect(tmp_path, progress=False, database_url=url) as kb:
        kb.ingest(sample([0]))
        for given in ({"strategy_name": "a\0b"}, {"strategy_name": "sma_cross", "symbol": "\0"}):
            try:
                assert kb.recommend(**given, regime=["uptrend"]).status == "degraded"
            except tkb.InvalidInputError as error:
                assert str(sa.make_url(url).database) not in str(error)
        assert kb.recommend("sma_cross", regime=["uptrend"]).params


def test_long_work_has_no_deadline_and_a_question_has_one(
    with_tables: Callable[[str], str], tmp_path: Path
) -> None:
    counts = Counter[str]()
    with tkb.connect(tmp_path, progress=False, database_url=with_tables("postgresql")) as kb:
        engine = kb.use_cases.store.engine  # type: ignore[attr-defined]

        @sa.event.listens_for(engine, "begin")
        def begin(_: sa.Connection) -> None:
            counts["all"] += 1

        @sa.event.listens_for(engine, "before_cursor_execute")
        def execute(_: sa.Connection, __: object, statement: str, *___: object) -> None:
            counts["long"] += statement.startswith("SET LOCAL statement_timeout")

        def long_ones() -> str:
            found = {0: "none", counts["all"]: "all"}.get(counts["long"], "some")
            assert counts["all"]
            counts.clear()
            return found

        kb.ingest(sample([0, 1]))
        assert long_ones() == "all"
        kb.reject(strategy_name="sma_cross", reason="none", dry_run=True)
        kb.reconcile(repair=True)
        kb.backup(tmp_path / "b")
        kb.prune(dry_run=True)
        kb.evaluate(["sma_cross"])
        assert long_ones() == "all"
        kb.recommend("sma_cross", regime=["uptrend"])
        kb.trials()
        kb.submit_job("ingest")
        assert long_ones() == "none"
        kb.use_cases.job_runner().run_next()
        assert long_ones() == "some"  # all but taking the job, and saying how it ended
        assert kb.jobs()["state"].to_list() == ["succeeded"]
