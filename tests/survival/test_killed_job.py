"""A job whose process is killed anywhere is finished by another one, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import PLACED, SEEDS, Case, fresh, kill_at_random, kill_everywhere
from tests.survival.faults import PausedAtCommit
from tests.survival.victim import Victim
from tests.survival.workload import OHLCV, answer, do, ingest, sample

KB = tkb.KnowledgeBase
#: Kills per case and seed; those at every commit come on top.
RANDOM_KILLS = 6
OTHER_MODEL = "regime-cosine-v1"
#: Of the commits of a rotation: the first batch is indexed and told of, the next one is not.
IN_THE_SECOND_BATCH = 9
#: Workspaces and their jobs in the race.
SPACES, RUNNERS = 4, 3


def work_off(kb: KB) -> list[str]:
    """Runs jobs until none may begin: how each ended."""
    return [job.state for job in iter(kb.job_runner().run_next, None)]


def rotation(kb: KB) -> None:
    kb.submit_job("reembed", arguments={"target_model": OTHER_MODEL})


def anew(kb: KB) -> None:
    kb.submit_job("reembed", arguments={"restart": True})


def archived(kb: KB) -> None:
    kb.archive(strategy_name="macd_trend", actor="me")
    kb.submit_job("ingest")


SUBMITS = {submit.__name__: submit for submit in (rotation, anew, archived)}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("jobs") / "start"
    do(home, ingest, sample(range(6)), OHLCV)
    return home


@pytest.fixture(scope="module")
def case(
    start: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Case:
    submit: Callable[[KB], None] = SUBMITS[request.param]
    asked = fresh(start, tmp_path_factory.mktemp(request.param) / "asked")
    do(asked, submit)
    said = oracle.stored(asked)
    reference = fresh(asked, asked.parent / "reference")
    with tkb.connect(reference, progress=False) as kb:
        assert work_off(kb) == ["succeeded"]
        expected = answer(kb)
    whole = oracle.contents(reference)

    def wounded(home: Path) -> None:
        oracle.check_sound(home)
        assert oracle.stored(home) == said
        assert [row["state"] for row in jobs_of(home)] in (["queued"], ["running"], ["succeeded"])

    def healed(home: Path) -> None:
        (before,) = jobs_of(home)
        with tkb.connect(home, progress=False) as kb:
            assert set(work_off(kb)) <= {"succeeded"}
            (after,) = jobs_of(home)
            assert after["state"] == "succeeded"
            assert after["progress_done"] >= before["progress_done"]
            assert kb.leases().is_empty()
            assert kb.reconcile().clean
            assert answer(kb) == expected
        assert oracle.contents(home) == whole
        assert oracle.unfinished_runs(home) == []

    return Case("job", asked, work_off, (), wounded, healed)


def jobs_of(home: Path) -> list[dict[str, Any]]:
    return oracle.select(home, "SELECT * FROM jobs ORDER BY created_at")


@pytest.mark.parametrize("case", SUBMITS, indirect=True)
def test_a_job_killed_at_any_commit_is_finished_by_another_process(
    case: Case, tmp_path: Path
) -> None:
    assert kill_everywhere(case, tmp_path) >= 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", SUBMITS, indirect=True)
def test_a_job_killed_at_random_moments_is_finished_by_another_process(
    case: Case, tmp_path: Path, seed: int
) -> None:
    kill_at_random(case, tmp_path, RANDOM_KILLS, seed)


def test_a_runner_that_looks_on_takes_over_when_the_other_is_killed_and_not_before(
    start: Path, tmp_path: Path
) -> None:
    """Half of the work is done by the first; the second does the rest and no more."""
    home = fresh(start, tmp_path / "home")
    do(home, rotation)
    first = Victim(home, work_off, faults=[PausedAtCommit(IN_THE_SECOND_BATCH)])
    first.paused()
    with tkb.connect(home, progress=False) as kb:
        # The paused one holds the database, so a look is all that is possible.
        (job,) = (kb.job(row["job_id"]) for row in jobs_of(home))
        assert job.state == "running"
        first._process.kill()
        assert first.outcome().killed
        PLACED["job"] += 1
        assert work_off(kb) == ["succeeded"]
        done = kb.job(job.job_id)
        assert done.attempts == 2
        assert done.result is not None
        assert done.result["resumed"]
        assert 0 < done.result["embedded"] < done.result["points"]
        assert kb.reconcile().clean


def start_and_wait(kb: KB, until: Path) -> None:
    """A service, as far as its jobs go: it stops at SIGTERM."""
    runner = kb.job_runner()
    signal.signal(signal.SIGTERM, lambda *_: until.touch())
    runner.start()
    (until.parent / f"up {os.getpid()}").touch()
    while not until.exists():
        time.sleep(0.01)
    assert runner.stop(30)


def test_many_runners_at_once_run_every_job_once_and_one_of_a_workspace_at_a_time(
    start: Path, tmp_path: Path
) -> None:
    home = fresh(start, tmp_path / "home")
    with tkb.connect(home, progress=False) as kb:
        for n in range(SPACES):
            kb.create_workspace(f"w{n}")
            kb.ingest(sample([n]), workspace=f"w{n}", ohlcv=OHLCV)
        asked = [
            kb.submit_job("reembed", f"w{n}", {"restart": True}).job_id
            for _ in range(2)
            for n in range(SPACES)
        ]
        until = tmp_path / "enough"
        runners = [Victim(home, start_and_wait, until) for _ in range(RUNNERS)]
        deadline = time.monotonic() + 60
        while kb.use_cases.jobs.counts()["succeeded"] < len(asked):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        until.touch()
        for victim in runners:
            victim.outcome().succeeded()
    rows = jobs_of(home)
    assert Counter(row["attempts"] for row in rows) == {1: len(asked)}
    runs = oracle.select(
        home, "SELECT * FROM ingest_runs WHERE kind = 'reembed' ORDER BY started_at"
    )
    assert [run["status"] for run in runs] == ["completed"] * len(asked)
    for space in {run["workspace_id"] for run in runs}:
        mine = [run for run in runs if run["workspace_id"] == space]
        assert len(mine) == 2
        assert mine[0]["finished_at"] <= mine[1]["started_at"]


def test_a_process_that_is_told_to_end_gives_its_job_back_and_another_goes_on_at_once(
    start: Path, tmp_path: Path
) -> None:
    home = fresh(start, tmp_path / "home")
    do(home, rotation)
    until = tmp_path / "term"
    first = Victim(home, start_and_wait, until, faults=[PausedAtCommit(IN_THE_SECOND_BATCH)])
    first.paused()
    os.kill(first._process.pid or 0, signal.SIGTERM)
    while not until.exists():
        time.sleep(0.01)
    first.go_on()
    first.outcome().succeeded()
    (job,) = jobs_of(home)
    assert (job["state"], job["attempts"], job["holder"]) == ("queued", 0, None)
    with tkb.connect(home, progress=False) as kb:
        assert kb.leases().is_empty()
        assert work_off(kb) == ["succeeded"]
        assert kb.reconcile().clean
