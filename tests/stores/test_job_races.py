"""Several processes run the jobs of one database, and die, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.jobs.shift import NOW, Doing, Seconds, add_job, add_space, runner
from tradingkb.jobs import JobRunner
from tradingkb.jobs.watch import TTL
from tradingkb.ports import Job
from tradingkb.progress import Progress
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

SPACES, JOBS, RUNNERS = 4, 16, 3
HANG_IN_A_JOB = """
import sys, threading
from tests.jobs.shift import Seconds, runner
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

def work(job, progress):
    progress("index", 5, 9)
    print("working", flush=True)
    threading.Event().wait()

runner(SqlTrialStore(open_engine(sys.argv[1])), work, Seconds()).run_next()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, with_tables: Callable[[str], str]) -> str:
    return with_tables(request.param)


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[], SqlTrialStore]]:
    """Opens the store as another process would: with connections of its own."""
    stores: list[SqlTrialStore] = []

    def open_store() -> SqlTrialStore:
        stores.append(SqlTrialStore(open_engine(url)))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def test_no_job_is_run_twice_and_no_two_of_a_workspace_at_once(
    opened: Callable[[], SqlTrialStore],
) -> None:
    store = opened()
    spaces = [add_space(store, n) for n in range(SPACES)]
    jobs = [add_job(store, spaces[n % SPACES], n) for n in range(JOBS)]
    lock, begun, active = threading.Lock(), Counter[str](), Counter[str]()
    most: list[int] = []

    def work(job: Job, progress: Progress) -> dict[str, Any]:
        with lock:
            begun[job.job_id] += 1
            active[job.workspace_id] += 1
            most.append(active[job.workspace_id])
        for done in range(3):
            time.sleep(0.002)
            progress("index", done, 3)
        with lock:
            active[job.workspace_id] -= 1
        return {}

    def real(number: int) -> JobRunner:
        ids = iter(range(10**6))
        return JobRunner(
            opened(),
            {"work": Doing(work)},
            clock=lambda: datetime.now(UTC),
            new_id=lambda: f"{number}:{next(ids)}",
            poll_s=0.002,
        )

    runners = [real(n) for n in range(RUNNERS)]
    for one in runners:
        one.start()
    deadline = time.monotonic() + 60
    while store.count_jobs()["succeeded"] < JOBS and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(one.stop(30) for one in runners)
    assert begun == Counter(job.job_id for job in jobs)
    assert set(most) == {1}
    assert all(found.attempts == 1 for job in jobs if (found := store.job(job.job_id)))


def test_a_job_whose_process_was_killed_is_finished_by_another(
    url: str, opened: Callable[[], SqlTrialStore]
) -> None:
    store = opened()
    job = add_job(store, add_space(store))
    child = subprocess.Popen(
        [sys.executable, "-c", HANG_IN_A_JOB, url],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "working\n"

    def work(_job: Job, progress: Progress) -> dict[str, Any]:
        progress("index", 4, 4)
        return {}

    mine = runner(store, work, Seconds())
    assert mine.run_next() is None  # it lives
    child.kill()
    child.wait(30)
    child.stdout.close()
    done = mine.run_next()
    assert done is not None
    assert (done.job_id, done.state, done.attempts) == (job.job_id, "succeeded", 2)
    assert (done.progress_done, done.progress_total) == (9, 9)


def test_a_job_that_is_given_back_while_it_is_cancelled_stays_cancelled(
    url: str, opened: Callable[[], SqlTrialStore]
) -> None:
    store, other = opened(), opened()
    job = add_job(store, add_space(store))
    assert store.claim_job(["work"], "a", NOW, NOW + TTL, NOW) is not None
    released: list[bool] = []

    def release(*_: Any) -> None:  # as soon as the first transaction of the cancel has ended
        if not released:
            released.append(other.release_job(job.job_id, "a"))

    sa.event.listen(store.engine, "checkin", release)
    store.cancel_job(job.job_id, NOW)
    assert released == [True]
    ended = runner(store, never, Seconds()).run_next()
    assert ended is not None
    assert ended.state == "cancelled"


def test_a_cancel_that_waits_for_the_row_of_a_job_cancels_it_as_it_is_then(
    url: str, opened: Callable[[], SqlTrialStore]
) -> None:
    store, other = opened(), opened()
    job = add_job(store, add_space(store))
    assert store.claim_job(["work"], "a", NOW, NOW + TTL, NOW) is not None
    cancelled: list[Job | None] = []
    cancel = threading.Thread(target=lambda: cancelled.append(store.cancel_job(job.job_id, NOW)))
    with other.writing():
        assert other.release_job(job.job_id, "a")
        cancel.start()
        time.sleep(0.3)  # it has come to the row, and waits for it
        assert not cancelled
    cancel.join(30)
    assert cancelled[0] is not None
    assert (cancelled[0].state, cancelled[0].finished_at) == ("cancelled", NOW)


def never(_job: Job, _progress: Progress) -> dict[str, Any]:
    raise AssertionError("never runs")
