"""What the jobs of the product do, through the front door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.conftest import NOW, Clock
from tests.recommend.sweeps import grid
from tradingkb.indexing import apply, indexer
from tradingkb.jobs import lease
from tradingkb.jobs.watch import TTL
from tradingkb.ports import Job

Open = Callable[..., tkb.KnowledgeBase]
OTHER_MODEL = "regime-cosine-v1"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "BATCH", 4)
    monkeypatch.setattr(indexer, "BATCH", 4)


@pytest.fixture(scope="module")
def filled(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty trials with regimes."""
    home = tmp_path_factory.mktemp("kinds") / "home"
    with tkb.connect(home, clock=Clock(NOW - timedelta(minutes=1)), progress=False) as kb:
        kb.ingest(pl.read_parquet(data / "trials.parquet").head(20), ohlcv=data / "ohlcv")
    return home


@pytest.fixture
def kb(open_kb: Open, filled: Path) -> tkb.KnowledgeBase:
    return open_kb(like=filled)


def run(kb: tkb.KnowledgeBase) -> Job:
    job = kb.job_runner().run_next()
    assert job is not None
    return job


@pytest.mark.usefixtures("small_batches")
def test_a_reembedding_that_is_a_job_does_what_the_verb_does(
    open_kb: Open, kb: tkb.KnowledgeBase, filled: Path
) -> None:
    other = open_kb("other", like=filled)
    said = other.reembed(target_model=OTHER_MODEL).to_dict()
    kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL})
    job = run(kb)
    assert job.state == "succeeded"
    assert job.result is not None
    own = {"run_id", "duration_s"}
    assert {k: v for k, v in job.result.items() if k not in own} == {
        k: v for k, v in said.items() if k not in own
    }
    assert (job.progress_done, job.progress_total) == (20, 20)
    assert kb.reconcile().clean
    assert kb.use_cases.jobs.last_success() == {"reembed": job.finished_at}


def test_an_ingest_that_is_a_job_indexes_what_is_stored(kb: tkb.KnowledgeBase) -> None:
    kb.archive(kb.trials(limit=7)["trial_id"].to_list())
    kb.submit_job("ingest")
    job = run(kb)
    assert job.state == "succeeded"
    assert job.result is not None
    assert job.result["unarchived"] == 7
    assert kb.reconcile().clean


def test_jobs_of_an_empty_store_have_nothing_to_do(open_kb: Open) -> None:
    kb = open_kb()
    for kind in ("ingest", "reembed"):
        kb.submit_job(kind)
        assert run(kb).state == "succeeded"


def stopped_after(batches: int, monkeypatch: pytest.MonkeyPatch, stop: Callable[[], Any]) -> None:
    """Does something in the middle of the work."""
    apply_part = apply.Applier._apply_part
    done = 0

    def counted(self: apply.Applier, batch: pl.DataFrame, since: Any) -> None:
        nonlocal done
        apply_part(self, batch, since)
        done += 1
        if done == batches:
            stop()

    monkeypatch.setattr(apply.Applier, "_apply_part", counted)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("restart", [False, True])
def test_a_reembedding_that_is_stopped_is_gone_on_with_where_it_was(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL, "restart": restart})
    first = kb.job_runner()
    stopped_after(3, monkeypatch, lambda: first.stop(0.0))
    left = first.run_next()
    assert left is not None
    assert (left.state, left.attempts) == ("queued", 0)
    assert left.progress_total == 20
    told: list[tuple[int, int]] = []
    done = kb.job_runner().run_next(lambda _what, *place: told.append(place))
    assert done is not None
    assert (done.state, done.progress_done, done.progress_total) == ("succeeded", 20, 20)
    assert told == [(4, 8), (8, 8)]
    assert done.result is not None
    assert (done.result["resumed"], done.result["points"]) == (True, 20)


@pytest.mark.usefixtures("small_batches")
def test_a_reembedding_that_is_cancelled_leaves_what_it_did_and_the_next_goes_on(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL})
    stopped_after(2, monkeypatch, lambda: kb.cancel_job(job.job_id))
    cancelled = run(kb)
    assert (cancelled.state, cancelled.progress_done) == ("cancelled", 8)
    assert kb.leases().is_empty()
    report = kb.reembed(target_model=OTHER_MODEL)
    assert (report.resumed, report.embedded, report.points) == (True, 12, 20)


def test_a_job_whose_workspace_somebody_works_on_lets_those_of_others_go_first(
    kb: tkb.KnowledgeBase, clock: Any
) -> None:
    kb.create_workspace("desk")
    waiting, other = kb.submit_job("ingest"), kb.submit_job("ingest", "desk")
    store = kb.use_cases.store
    name = f"index:{waiting.workspace_id}"
    store.acquire_lease(name, "elsewhere:1:2:3", NOW, NOW + TTL)
    runner = kb.job_runner()
    ended = {job.job_id: job.state for job in iter(runner.run_next, None)}
    assert ended == {waiting.job_id: "queued", other.job_id: "succeeded"}
    assert kb.job(waiting.job_id).attempts == 0
    store.break_lease(name, "elsewhere:1:2:3")
    clock.now += TTL
    assert runner.run_next() is not None
    assert kb.job(waiting.job_id).state == "succeeded"


@pytest.mark.usefixtures("small_batches")
def test_a_lease_that_is_broken_in_the_middle_of_a_job_puts_it_back(
    kb: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.01)
    job = kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL})

    def broken() -> None:
        kb.break_lease("default", reason="it is in the way")
        for thread in [t for t in threading.enumerate() if t.name == "lease"]:
            thread.join(30)

    stopped_after(2, monkeypatch, broken)
    assert run(kb).state == "queued"
    assert kb.job(job.job_id).attempts == 0


@pytest.fixture
def backup(kb: tkb.KnowledgeBase, tmp_path: Path) -> Iterator[Path]:
    kb.backup(tmp_path / "kept.tkb")
    yield tmp_path / "kept.tkb"


@pytest.mark.usefixtures("small_batches")
def test_a_job_whose_store_is_replaced_by_a_backup_stops_and_leaves_the_new_content_whole(
    kb: tkb.KnowledgeBase, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.ingest(grid(2))
    kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL})

    def restored() -> None:
        kb.break_lease("default", reason="the restore cannot wait")
        kb.restore(backup, replace=True)

    stopped_after(2, monkeypatch, restored)
    gone = kb.job_runner().run_next()
    assert gone is not None
    assert kb.jobs().is_empty()
    assert kb.use_cases.jobs.counts()["running"] == 0
    monkeypatch.undo()
    assert kb.trials().height == 20
    kb.ingest()
    assert kb.reconcile(repair=True).clean
    assert kb.job_runner().run_next() is None
