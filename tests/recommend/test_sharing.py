"""One store, several users at once: a notebook, the command line, a dashboard."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.elsewhere import begun, ended, ingest_by_fours
from tests.recommend.sweeps import grid
from tradingkb.domain import Question

Open = Callable[..., tkb.KnowledgeBase]


def test_processes_that_ingest_at_once_lose_and_double_nothing(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    kb.ingest(grid(1).head(1))
    files = []
    for k, part in enumerate((grid(6)[:16], grid(6)[8:])):  # they overlap
        files.append(tmp_path / f"{k}.parquet")
        part.write_parquet(files[-1])
    started = [begun(ingest_by_fours, tmp_path / "home", file) for file in files]
    answers = 0
    while any(p.exitcode is None for p in started):
        assert kb.recommend("s", regime=["uptrend"]).status in ("ok", "degraded")
        answers += 1
    for process in started:
        ended(process)
    assert answers > 0
    assert sorted(kb.trials()["source_id"]) == sorted(grid(6)["source_id"])
    assert kb.ingest().skipped == 30
    assert kb.events(limit=10_000).height == answers


def test_threads_that_share_one_knowledge_base_get_the_same_answer(
    sample: tkb.KnowledgeBase, data: Path
) -> None:
    market = data / "ohlcv" / "AAPL_1d.parquet"
    found: list[str] = []

    def ask() -> None:
        for _ in range(5):
            found.append(json.dumps(sample.recommend("sma_cross", ohlcv=market).params))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert len(set(found)) == 1
    assert sample.events(limit=1000).height == 30


def test_an_answer_does_not_wait_for_a_writer_and_its_event_is_written_later(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    kb.ingest(grid())
    kb.recommend("s", regime=["uptrend"])
    writer = sqlite3.connect(tmp_path / "home" / "tradingkb.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    rec = kb.recommend("s", regime=["uptrend"])
    assert rec.params == {"fast": 20, "slow": 50}
    assert kb.use_cases.asking.events.flush() == 1
    writer.execute("ROLLBACK")
    writer.close()
    assert kb.events().height == 2


def test_the_event_queue_is_bounded_and_counts_what_it_drops(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradingkb.recommend.asking import event_log as record

    monkeypatch.setattr(record, "QUEUE_LIMIT", 3)
    kb = open_kb()
    kb.ingest(grid())

    def locked(_: object) -> None:
        raise tkb.BackendUnavailableError("locked")

    with monkeypatch.context() as patch:
        patch.setattr(kb.use_cases.store, "save_event", locked)
        patch.setattr(kb.use_cases.store, "save_events", locked)
        for _ in range(5):
            kb.recommend("s", regime=["uptrend"])
        assert kb.use_cases.asking.events.dropped == 2
    assert kb.events().height == 3


def test_an_event_that_the_store_refuses_takes_no_other_with_it(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    log = kb.use_cases.asking.events
    first, second = (
        log.logged(
            kb.recommend("s", regime=["uptrend"]),
            kb.use_cases.workspaces.named("default"),
            Question("s"),
        )
        for _ in range(2)
    )
    sent = [
        {**event, "request_id": name}
        for event, name in ((first, "before"), (first, "before"), (second, "after"))
    ]
    log.save(sent)
    assert set(kb.events()["request_id"]) >= {"before", "after"}
    assert (kb.events().height, log.dropped, log.flush()) == (4, 1, 0)


def test_every_answer_leaves_one_event_with_what_an_operator_asks_for(
    sample: tkb.KnowledgeBase, data: Path
) -> None:
    rec = sample.recommend("sma_cross", ohlcv=data / "ohlcv" / "AAPL_1d.parquet", caller="probe")
    sample.recommend("sma_cross")
    event = sample.events(status="ok").row(0, named=True)
    assert event["request_id"] == rec.request_id
    assert event["source"] == "probe"
    assert event["after_strict"] == rec.after_strict
    assert event["windows_used"] == rec.windows_used
    assert json.loads(event["params"]) == rec.params
    assert json.loads(event["weights"]) == rec.weights
    assert {"load_ms", "total_ms"} <= set(json.loads(event["timings"]))
    assert sample.events(status="degraded").height == 1
    assert sample.events(strategy_name="macd_trend").is_empty()
