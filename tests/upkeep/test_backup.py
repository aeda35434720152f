"""A restored knowledge base answers like the one that was backed up."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tradingkb.domain import Workspace
from tradingkb.exceptions import WorkspaceBusyError
from tradingkb.indexing import Reconciliation
from tradingkb.jobs import Leases
from tradingkb.upkeep import Backups
from tradingkb.wiring import connect

OLD = Path(__file__).resolve().parents[1] / "stores/fixtures/store_0001.db.gz"
Open = Callable[..., tkb.KnowledgeBase]


@pytest.fixture(scope="module")
def some_trials(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sets of two strategies on two symbols: every test writes and restores them all."""
    path = tmp_path_factory.mktemp("some") / "trials.parquet"
    pl.read_parquet(data / "trials.parquet").filter(
        pl.col("strategy_name").is_in(["bb_reversal", "sma_cross"]),
        pl.col("symbol").is_in(["AAPL", "GOOG"]),
        pl.col("source_id").str.split(":").list.last().cast(pl.Int32) < 12,
    ).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def sample_home(some_trials: Path, data: Path) -> Path:
    """The store behind `sample`, with fewer trials."""
    home = some_trials.with_name("home")
    with tkb.connect(home, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), progress=False) as kb:
        kb.register_strategy(data / "strategies")
        kb.ingest(some_trials, ohlcv=data / "ohlcv")
    return home


def answer(kb: tkb.KnowledgeBase, data: Path) -> dict[str, Any]:
    told = kb.recommend("bb_reversal", ohlcv=data / "ohlcv" / "AAPL_1d.parquet").to_dict()
    return {k: v for k, v in told.items() if k not in ("at", "request_id", "timings")}


def repaired(kb: tkb.KnowledgeBase) -> Callable[[Workspace], Reconciliation]:
    """What makes an index again after a restore."""
    cases = kb.use_cases
    return lambda space: cases.reconciler.run([cases.workspaces.target(space)], repair=True)


def test_a_restored_knowledge_base_gives_the_same_recommendation_and_a_clean_index(
    sample: tkb.KnowledgeBase, open_kb: Open, data: Path, some_trials: Path, tmp_path: Path
) -> None:
    before = answer(sample, data)
    sample.backup(tmp_path / "b")
    other = open_kb("other")
    report = other.restore(tmp_path / "b")
    assert answer(other, data) == before
    assert report.complete
    assert report.rows["trials"] == other.trials().height == sample.trials().height
    assert report.index == {"default": report.rows["trials"]}
    assert other.reconcile().clean
    assert other.ingest(some_trials).counts()["skipped"] == report.rows["trials"]


def test_a_restore_takes_back_what_was_done_since(
    sample: tkb.KnowledgeBase, data: Path, tmp_path: Path
) -> None:
    before = answer(sample, data)
    sample.backup(tmp_path / "b")
    sample.reject(strategy_name="bb_reversal", reason="a bug in the backtest")
    assert sample.recommend("bb_reversal", symbol="AAPL", timeframe="1d").status == "none"
    sample.restore(tmp_path / "b", replace=True)
    assert answer(sample, data) == before
    assert sample.history().is_empty()
    assert sample.reconcile().clean


def test_a_rejected_trial_stays_rejected_and_out_of_the_index(
    sample: tkb.KnowledgeBase, open_kb: Open, tmp_path: Path
) -> None:
    sample.reject(strategy_name="bb_reversal", reason="a bug in the backtest")
    sample.backup(tmp_path / "b")
    other = open_kb("other")
    report = other.restore(tmp_path / "b")
    rejected = other.trials(kb_status="rejected").height
    assert rejected == sample.trials(strategy_name="bb_reversal").height > 0
    assert report.index == {"default": report.rows["trials"] - rejected}
    assert other.recommend("bb_reversal", symbol="AAPL", timeframe="1d").status == "none"


def test_a_store_of_the_previous_release_restores_and_answers(
    open_kb: Open, tmp_path: Path
) -> None:
    (tmp_path / "old.db").write_bytes(gzip.decompress(OLD.read_bytes()))
    kb = open_kb()
    assert kb.restore(tmp_path / "old.db").rows["trials"] == 312
    assert kb.recommend("sma_cross", symbol="GOOG", timeframe="1d").params is not None
    assert kb.reconcile().clean


def test_the_answers_of_this_process_are_in_its_backup(
    sample: tkb.KnowledgeBase, open_kb: Open, data: Path, tmp_path: Path
) -> None:
    answer(sample, data)
    sample.backup(tmp_path / "b")
    other = open_kb("other")
    other.restore(tmp_path / "b")
    assert other.events().height == sample.events().height == 1


def test_a_workspace_whose_index_cannot_be_made_here_is_restored_and_named(
    sample: tkb.KnowledgeBase, open_kb: Open, tmp_path: Path
) -> None:
    space = sample.create_workspace("elsewhere")
    sample.ingest([{"strategy_name": "s", "params": {"fast": 5}, "sharpe_oos": 1.0}], "elsewhere")
    sample.use_cases.store.set_active(space, "a-model-of-another-machine", None)
    sample.backup(tmp_path / "b")
    other = open_kb("other")
    report = other.restore(tmp_path / "b")
    assert not report.complete
    assert set(report.index) == {"default"}
    assert "a-model-of-another-machine" in report.failed["elsewhere"]
    assert "the trials are restored" in str(report)
    assert set(other.workspaces()["slug"]) == {"default", "elsewhere"}


def test_a_restore_waits_for_an_ingest_and_keeps_the_next_one_out(
    sample_copy: Path, clock: Any, tmp_path: Path
) -> None:
    with connect(sample_copy, clock=clock, progress=False) as kb:
        kb.backup(tmp_path / "b")
        store, (space,) = kb.use_cases.store, kb.workspaces()["id"]
        name, later = f"index:{space}", clock() + timedelta(minutes=1)
        assert store.acquire_lease(name, "another:1:2:3", clock(), later) is None
        leases = Leases(store, clock=clock, new_id=lambda: "restore", patience_s=0.0)
        backups = Backups(store, leases, repaired(kb), clock=clock)
        with pytest.raises(WorkspaceBusyError, match="another"):
            backups.restore(tmp_path / "b", replace=True, progress=lambda *_: None)
        store.break_lease(name, "another:1:2:3")
        others = []

        def meanwhile(*_: object) -> None:
            with store.engine.connect() as reader:
                others.append(reader.exec_driver_sql("SELECT count(*) FROM leases").scalar())

        backups.restore(tmp_path / "b", replace=True, progress=meanwhile)
        assert set(others) == {1}


def test_reports_are_text_and_json(sample: tkb.KnowledgeBase, tmp_path: Path) -> None:
    told = sample.backup(tmp_path / "b")
    assert str(told).startswith(f"backup {tmp_path / 'b'} (")
    assert told.to_dict()["rows"]["trials"] == told.rows["trials"]
    again = sample.restore(tmp_path / "b", replace=True)
    assert "replaced: " in str(again)
    assert again.to_dict()["complete"] is True
    assert isinstance(again.to_dict()["made_at"], str)


def test_a_path_may_name_the_users_folder(
    sample: tkb.KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sample.backup("~/b")
    assert (tmp_path / "b").is_file()
