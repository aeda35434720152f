"""One store, asked here and through a service that really listens."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.noted import run_of
from tradingkb.client import Client, LocalClient, RemoteClient
from tradingkb.ports import ScheduleState, ScheduleTick
from tradingkb.service import prepare
from tradingkb.settings import load_settings

TOKEN = "a-secret-token"


@dataclass(frozen=True)
class Both:
    """Two ways to one store."""

    here: Client
    there: Client
    bars: pl.DataFrame

    def __iter__(self) -> Iterator[Client]:
        return iter((self.here, self.there))


@contextmanager
def listening(home: Path, **given: Any) -> Iterator[str]:
    """A service over a store, on a port of this machine; its address."""
    settings = load_settings(home=home, **{"admin_token": TOKEN, **given})
    logger = logging.getLogger("tradingkb")
    before = logger.handlers[:], logger.level, logger.propagate
    server, socket = prepare(settings, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)


@contextmanager
def both_of(home: Path, bars: pl.DataFrame) -> Iterator[Both]:
    with listening(home) as url:
        kb = tkb.connect(home, admin_token=TOKEN, progress=False)
        here, there = LocalClient(kb), RemoteClient(url)
        try:
            yield Both(here, there, bars)
        finally:
            there.close()
            here.close()


@pytest.fixture(scope="session")
def bars(data: Path) -> pl.DataFrame:
    return pl.read_parquet(data / "ohlcv" / "AAPL_1d.parquet")


@pytest.fixture(scope="session")
def asked_home(
    sample_home: Path, bars: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The sample with some questions that were asked of it, and a workspace with nothing in it."""
    home = Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("asked") / "home"))
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("empty")
        market = {"ohlcv": bars, "symbol": "AAPL", "timeframe": "1d"}
        kb.recommend("bb_reversal", request_id="ok/1?%2F", **market)
        kb.recommend("sma_cross", regime=["uptrend"], request_id="..")
        kb.recommend("sma_cross", max_drawdown=0.0001, request_id="none")
        kb.recommend("macd_trend", objective_type="calmar", caller="http")
        trials = kb.trials(limit=2)["trial_id"].to_list()
        kb.promote(trials[:1], reason="a < b & \"c\" 'd' ünï")
        kb.reject(trials[1:], reason="a slip")
        _ran(kb.use_cases.store)
    report = home / "runbooks" / "06_bring_in" / "a.html"
    report.parent.mkdir(parents=True)
    report.write_text("<html>ünï<script>1</script></html>", encoding="utf-8")
    return home


def _ran(store: Any) -> None:
    """Runs of every state, and what schedules decided."""
    long_ago = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    lost = {"heartbeat_at": long_ago, "ended_at": None, "outcome": None, "result": None}
    for run in (
        run_of(run_id="one", started_at=long_ago),
        run_of(run_id="two", outcome="failed", error="no file /srv/x.csv", result=None),
        run_of(run_id="lost", state="running", cell="Plan", schedule="nightly", **lost),
        run_of(run_id="elsewhere", workspace="empty", runbook="09_other", report=None),
    ):
        store.add_runbook_run(run)
    tick = ScheduleTick("nightly", long_ago, long_ago, "missed", "host-of-ours", None, "was away")
    store.claim_tick(tick)
    store.claim_tick(replace(tick, slot=long_ago + timedelta(days=1), run_id="lost"))
    told = {"runbook": "09_other", "cron": "0 3 * * *", "timezone": "UTC", "parameters": {"a": 1}}
    store.save_schedule_state(
        ScheduleState("nightly", long_ago, "host-of-ours", long_ago, long_ago, told)
    )


# Of the module: what a service does beside its requests is counted and heard by other tests.
@pytest.fixture(scope="module")
def both(asked_home: Path, bars: pl.DataFrame) -> Iterator[Both]:
    """For tests that change nothing but events."""
    with both_of(asked_home, bars) as found:
        yield found


@pytest.fixture
def changed(sample_copy: Path, bars: pl.DataFrame) -> Iterator[Both]:
    """For tests that change trials."""
    with both_of(sample_copy, bars) as found:
        yield found
