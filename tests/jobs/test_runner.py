"""What becomes of a job that is run: how it ends, stops, waits, and is gone on with."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from polars.exceptions import PanicException

from tests.jobs.shift import NOW, Seconds, add_job, add_space, runner
from tradingkb.exceptions import (
    BackendUnavailableError,
    EmptyCollectionError,
    InvalidInputError,
    WorkspaceBusyError,
)
from tradingkb.jobs import running
from tradingkb.jobs.holder import own_name
from tradingkb.jobs.runner import MOST_ATTEMPTS
from tradingkb.jobs.watch import RENEW_S, TTL
from tradingkb.observability import subscribe
from tradingkb.ports import Job
from tradingkb.progress import Progress
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

Fields = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path, sqlite_schema: Path) -> Iterator[SqlTrialStore]:
    shutil.copy(sqlite_schema, tmp_path / "kb.db")
    store = SqlTrialStore(open_engine(f"sqlite:///{tmp_path / 'kb.db'}"))
    yield store
    store.close()


@pytest.fixture
def time() -> Seconds:
    return Seconds()


@pytest.fixture
def job(store: SqlTrialStore) -> Job:
    return add_job(store, add_space(store))


@pytest.fixture
def events() -> Iterator[list[tuple[str, Fields]]]:
    found: list[tuple[str, Fields]] = []
    end = subscribe(lambda event, fields: found.append((event, dict(fields))))
    yield found
    end()


def stored(store: SqlTrialStore, job: Job) -> Job:
    found = store.job(job.job_id)
    assert found is not None
    return found


def fails(error: BaseException) -> Callable[[Job, Progress], Fields]:
    def work(_job: Job, _progress: Progress) -> Fields:
        raise error

    return work


def nothing(_job: Job, _progress: Progress) -> Fields:
    return {}


def test_a_job_that_is_done_keeps_its_result_and_its_progress(
    store: SqlTrialStore, time: Seconds, job: Job, events: list[tuple[str, Fields]]
) -> None:
    def work(job: Job, progress: Progress) -> Fields:
        progress("index", 4, 9)
        time.sleep(7)
        progress("index", 9, 9)
        return {"embedded": 9, "of": job.job_id}

    done = runner(store, work, time).run_next()
    assert done == stored(store, job)
    assert (done.state, done.result) == ("succeeded", {"embedded": 9, "of": job.job_id})
    assert (done.progress_done, done.progress_total, done.attempts) == (9, 9, 1)
    assert (done.started_at, done.finished_at) == (NOW, NOW + timedelta(seconds=7))
    assert (done.holder, done.error) == (None, None)
    told = {event: fields for event, fields in events if event.startswith("kb_job")}
    assert told["kb_job_started"]["attempt"] == 1
    assert (told["kb_job_ended"]["state"], told["kb_job_ended"]["duration_s"]) == ("succeeded", 7)
    assert runner(store, work, time).run_next() is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidInputError("no such thing", field="x"), "x: no such thing"),
        (ZeroDivisionError("by zero"), "unexpected error: ZeroDivisionError: by zero"),
        (RuntimeError("in /home/ada/kb with geheim"), "unexpected error: RuntimeError: in <path> "),
    ],
)
def test_a_job_that_fails_says_why_and_no_more(
    store: SqlTrialStore, time: Seconds, job: Job, error: Exception, said: str
) -> None:
    failed = runner(store, fails(error), time, hidden=("geheim",)).run_next()
    assert failed is not None
    assert failed.state == "failed"
    assert str(failed.error).startswith(said)
    assert "geheim" not in str(failed.error)
    assert "Traceback" not in str(failed.error)
    assert stored(store, job).finished


@pytest.mark.parametrize("panic", [PanicException("a bug of Polars"), GeneratorExit("left")])
def test_a_panic_fails_the_job_and_is_not_begun_again(
    store: SqlTrialStore, time: Seconds, job: Job, panic: BaseException
) -> None:
    jobs = runner(store, fails(panic), time)
    failed = jobs.run_next()
    assert failed is not None
    assert (failed.state, failed.attempts) == ("failed", 1)
    assert failed.error == f"unexpected error: {type(panic).__name__}: {panic}"
    assert jobs.run_next() is None


def test_a_job_whose_workspace_is_being_worked_on_makes_room_and_waits_without_an_attempt(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    other = add_job(store, add_space(store, 2), 2)

    def work(mine: Job, _progress: Progress) -> Fields:
        if mine.job_id == job.job_id and time.now < 60:
            raise WorkspaceBusyError("by another")
        return {}

    jobs = runner(store, work, time)
    assert [run.job_id for run in iter(jobs.run_next, None)] == [job.job_id, other.job_id]
    waiting = stored(store, job)
    assert (waiting.state, waiting.attempts, waiting.error) == ("queued", 0, None)
    assert stored(store, other).state == "succeeded"
    for _ in range(6):
        time.sleep(15)
        jobs.run_next()
    assert (stored(store, job).state, stored(store, job).attempts) == ("succeeded", 1)


@pytest.mark.parametrize(
    "error", [BackendUnavailableError("qdrant is away"), EmptyCollectionError("no collection")]
)
def test_a_job_whose_backend_is_away_is_tried_again_later_and_not_for_ever(
    store: SqlTrialStore, time: Seconds, job: Job, error: Exception
) -> None:
    begun: list[float] = []

    def work(_job: Job, _progress: Progress) -> Fields:
        begun.append(time.now)
        raise error

    jobs = runner(store, work, time)
    while not stored(store, job).finished:
        jobs.run_next()
        assert stored(store, job).error == str(error)
        time.sleep(15)
    assert stored(store, job).state == "failed"
    assert begun == [0, 15, 75, 315, 915, 1515]
    assert len(begun) == MOST_ATTEMPTS


def test_a_backend_that_comes_back_lets_the_job_end_well(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    def work(_job: Job, _progress: Progress) -> Fields:
        if time.now < 20:
            raise BackendUnavailableError("qdrant is away")
        return {}

    jobs = runner(store, work, time)
    for _ in range(20):
        jobs.run_next()
        time.sleep(5)
    done = stored(store, job)
    assert (done.state, done.error, done.attempts) == ("succeeded", None, 3)


def test_a_running_job_stops_at_its_next_progress_when_it_is_cancelled(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    reached: list[int] = []

    def work(_job: Job, progress: Progress) -> Fields:
        for done in range(1, 9):
            if done == 3:
                store.cancel_job(job.job_id, NOW)
            progress("index", done, 9)
            reached.append(done)
        raise AssertionError("never ends")

    cancelled = runner(store, work, time).run_next()
    assert cancelled is not None
    assert (cancelled.state, cancelled.progress_done) == ("cancelled", 3)
    assert reached == [1, 2]


def test_progress_is_written_once_a_second_at_most(
    store: SqlTrialStore, time: Seconds, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[float, Any]] = []
    beat = store.beat_job

    def watched(*arguments: Any) -> Job | None:
        written.append((time.now, arguments[4]))
        return beat(*arguments)

    monkeypatch.setattr(store, "beat_job", watched)
    watching: list[int] = []

    def work(_job: Job, progress: Progress) -> Fields:
        for done in range(1, 41):
            progress("index", done, 40)
            time.sleep(0.125)
        return {}

    runner(store, work, time).run_next(lambda _what, done, _total: watching.append(done))
    assert [at for at, _ in written] == [0, 1, 2, 3, 4]
    assert [done for _, (done, _) in written] == [1, 9, 17, 25, 33]
    assert watching == list(range(1, 41))
    assert stored(store, job).progress_done == 40


# --- holders that die, and that only seem to ------------------------------------------------------


def dead() -> str:
    """The name of a process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    host, _, start, nonce = own_name("x").rsplit(":", 3)
    return f"{host}:{process.pid}:{start}:{nonce}"


def test_the_job_of_a_dead_process_of_this_machine_is_gone_on_with_at_once(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    taken = store.claim_job(["work"], dead(), NOW, NOW + timedelta(days=30), NOW)
    assert taken is not None
    store.beat_job(job.job_id, str(taken.holder), NOW, NOW + timedelta(days=30), (5, 9))

    def work(_job: Job, progress: Progress) -> Fields:
        progress("index", 1, 3)
        return {}

    done = runner(store, work, time).run_next()
    assert done is not None
    assert (done.state, done.attempts) == ("succeeded", 2)
    assert (done.progress_done, done.progress_total) == (7, 9)


@pytest.mark.parametrize("skew_days", [0, 1, -1, 30, -30])
def test_a_job_of_another_machine_is_gone_on_with_when_it_has_not_moved_for_the_time_of_a_lease(
    store: SqlTrialStore, time: Seconds, job: Job, skew_days: int
) -> None:
    theirs = NOW + timedelta(days=skew_days)
    store.claim_job(["work"], "elsewhere:1:2:3", theirs, theirs + TTL, NOW)
    jobs = runner(store, nothing, time)
    while jobs.run_next() is None:
        time.sleep(1)
    assert time.now == TTL.total_seconds()
    assert stored(store, job).state == "succeeded"


@pytest.mark.parametrize("skew_days", [0, 1, -1, 30, -30])
def test_a_job_of_another_machine_that_moves_is_left_to_it_whatever_its_clock(
    store: SqlTrialStore, time: Seconds, job: Job, skew_days: int
) -> None:
    clock = time.clock(timedelta(days=skew_days))
    store.claim_job(["work"], "elsewhere:1:2:3", clock(), clock() + TTL, NOW)
    jobs = runner(store, nothing, time)
    for _ in range(40):
        assert store.beat_job(job.job_id, "elsewhere:1:2:3", clock(), clock() + TTL)
        for _ in range(3):
            assert jobs.run_next() is None
            time.sleep(RENEW_S / 3)


def test_a_job_whose_process_dies_again_and_again_is_given_up_with_what_happened(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    holder = dead()
    taken = store.claim_job(["work"], holder, NOW, NOW, NOW)
    for _ in range(MOST_ATTEMPTS - 1):
        assert taken is not None
        taken = store.take_job(taken, holder, NOW, NOW)
    begun: list[Job] = []

    def work(mine: Job, _progress: Progress) -> Fields:
        begun.append(mine)
        return {}

    failed = runner(store, work, time).run_next()
    assert failed is not None
    assert (failed.state, begun) == ("failed", [])
    assert f"begun {MOST_ATTEMPTS} times, and its process died" in str(failed.error)


def test_a_job_that_was_cancelled_while_its_process_was_dead_is_not_begun_again(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    store.claim_job(["work"], dead(), NOW, NOW, NOW)
    store.cancel_job(job.job_id, NOW)
    ended = runner(store, fails(AssertionError("never runs")), time).run_next()
    assert ended is not None
    assert ended.state == "cancelled"


def taken_over(store: SqlTrialStore, job: Job) -> None:
    assert store.take_job(stored(store, job), "elsewhere:1:2:3", NOW, NOW) is not None


def emptied(store: SqlTrialStore, _job: Job) -> None:
    """As a restore does it."""
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM jobs")


@pytest.mark.parametrize("lose", [taken_over, emptied])
@pytest.mark.parametrize("pause_s", [0.0, 5.0])
def test_a_job_that_is_anothers_by_now_or_gone_stops_at_its_next_progress_and_writes_nothing(
    store: SqlTrialStore,
    time: Seconds,
    job: Job,
    events: list[tuple[str, Fields]],
    lose: Callable[[SqlTrialStore, Job], None],
    pause_s: float,
) -> None:
    after: list[Job | None] = []

    def work(_job: Job, progress: Progress) -> Fields:
        progress("index", 1, 9)
        lose(store, job)
        after.append(store.job(job.job_id))
        time.sleep(pause_s)
        progress("index", 2, 9)
        raise AssertionError("never comes here")

    runner(store, work, time).run_next()
    assert store.job(job.job_id) == after[0]
    assert events[-1][1]["state"] == "lost"


def test_a_job_that_ends_when_it_is_anothers_changes_nothing(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    def work(_job: Job, _progress: Progress) -> Fields:
        taken_over(store, job)
        return {"mine": True}

    runner(store, work, time).run_next()
    left = stored(store, job)
    assert (left.state, left.holder, left.result) == ("running", "elsewhere:1:2:3", None)


def away(*_: Any, **__: Any) -> Any:
    raise BackendUnavailableError("the database is away")


def test_a_holder_that_cannot_say_that_it_lives_stops_before_others_may_take_the_job(
    store: SqlTrialStore, time: Seconds, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[float] = []

    def work(_job: Job, progress: Progress) -> Fields:
        progress("index", 1, 999)
        monkeypatch.setattr(store, "beat_job", away)
        for done in range(2, 999):
            time.sleep(1)
            progress("index", done, 999)
            reached.append(time.now)
        raise AssertionError("never ends")

    runner(store, work, time).run_next()
    assert 30 < reached[-1] < TTL.total_seconds()


def test_how_a_job_ended_is_written_when_the_database_is_back(
    store: SqlTrialStore, time: Seconds, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = store.end_job

    def flaky(*arguments: Any, **more: Any) -> bool:
        return end(*arguments, **more) if time.now > 3 else away()

    monkeypatch.setattr(store, "end_job", flaky)
    done = runner(store, nothing, time).run_next()
    assert done is not None
    assert done.state == "succeeded"


@pytest.mark.parametrize("error", [PanicException("a bug of Polars"), RuntimeError("a bug")])
def test_a_heart_that_missed_a_beat_goes_on_beating(
    store: SqlTrialStore,
    time: Seconds,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    monkeypatch.setattr(running, "RENEW_S", 0.01)
    missed, beaten = threading.Event(), threading.Event()
    beat = store.beat_job

    def watched(*arguments: Any) -> Job | None:
        if not missed.is_set():
            missed.set()
            raise error
        beaten.set()
        return beat(*arguments)

    monkeypatch.setattr(store, "beat_job", watched)

    def work(_job: Job, _progress: Progress) -> Fields:
        assert beaten.wait(30)
        return {}

    done = runner(store, work, time).run_next()
    assert done is not None
    assert done.state == "succeeded"


def test_a_heart_beats_while_a_job_makes_no_progress(
    store: SqlTrialStore, time: Seconds, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "RENEW_S", 0.01)
    beaten = threading.Event()
    beat = store.beat_job

    def watched(*arguments: Any) -> Job | None:
        found = beat(*arguments)
        beaten.set()
        return found

    monkeypatch.setattr(store, "beat_job", watched)

    def work(_job: Job, _progress: Progress) -> Fields:
        time.sleep(30)
        assert beaten.wait(30)
        return {}

    runner(store, work, time).run_next()
    assert stored(store, job).heartbeat_at == NOW + timedelta(seconds=30)


# --- the thread -----------------------------------------------------------------------------------


@contextmanager
def at_work(
    store: SqlTrialStore, time: Seconds, work: Callable[[Job, Progress], Fields]
) -> Iterator[Any]:
    jobs = runner(store, work, time, poll_s=0.01)
    jobs.start()
    try:
        yield jobs
    finally:
        assert jobs.stop(30)


@pytest.mark.parametrize(
    "error", [BackendUnavailableError("away"), PanicException("a bug of Polars"), RuntimeError()]
)
def test_the_thread_runs_what_comes_and_outlives_whatever_a_claim_raises(
    store: SqlTrialStore, time: Seconds, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    space, ran, looked = add_space(store), threading.Event(), threading.Event()

    def work(_job: Job, _progress: Progress) -> Fields:
        ran.set()
        return {}

    def look() -> Any:
        looked.set()
        raise error

    with at_work(store, time, work):
        monkeypatch.setattr(store, "running_jobs", look)
        assert looked.wait(30)
        monkeypatch.undo()
        add_job(store, space)
        assert ran.wait(30)


def test_the_thread_outlives_a_job_that_panics_and_runs_the_next_one(
    store: SqlTrialStore, time: Seconds
) -> None:
    space, ran = add_space(store), threading.Event()
    first = add_job(store, space)

    def work(job: Job, _progress: Progress) -> Fields:
        if job.job_id == first.job_id:
            raise PanicException("a bug of Polars")
        ran.set()
        return {}

    with at_work(store, time, work):
        add_job(store, space, 2)
        assert ran.wait(30)
    assert stored(store, first).state == "failed"


def test_a_runner_that_leaves_waits_for_nothing_and_gives_its_job_back_at_its_next_progress(
    store: SqlTrialStore, time: Seconds
) -> None:
    space = add_space(store)
    job, other = add_job(store, space), add_job(store, add_space(store, 2), 2)
    reached, go_on = threading.Event(), threading.Event()

    def work(_job: Job, progress: Progress) -> Fields:
        reached.set()
        assert go_on.wait(30)
        progress("index", 1, 9)
        raise AssertionError("never comes here")

    with at_work(store, time, work) as jobs:
        assert reached.wait(30)
        jobs.leave()
        jobs.leave()
        assert stored(store, job).state == "running"
        go_on.set()
    assert (stored(store, job).state, stored(store, job).attempts) == ("queued", 0)
    assert jobs.run_next() is None
    assert stored(store, other).attempts == 0


def test_a_job_that_was_claimed_while_the_runner_left_is_given_back_unbegun(
    store: SqlTrialStore, time: Seconds, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = runner(store, fails(AssertionError("never runs")), time)
    claim = store.claim_job

    def leaving(*arguments: Any) -> Job | None:
        jobs.leave()
        return claim(*arguments)

    monkeypatch.setattr(store, "claim_job", leaving)
    left = jobs.run_next()
    assert left is not None
    assert (left.state, left.holder, left.attempts) == ("queued", None, 0)


def test_a_runner_that_is_stopped_gives_its_job_back_and_another_goes_on_at_once(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def work(_job: Job, progress: Progress) -> Fields:
        progress("index", 3, 9)
        reached.set()
        assert go_on.wait(30)
        progress("index", 4, 9)
        raise AssertionError("never comes here")

    jobs = runner(store, work, time, poll_s=0.01)
    jobs.start()
    assert reached.wait(30)
    assert not jobs.stop(0.01)  # it makes no progress, and goes on holding its job
    assert stored(store, job).state == "running"
    go_on.set()
    assert jobs.stop(30)
    left = stored(store, job)
    assert (left.state, left.holder, left.attempts) == ("queued", None, 0)
    assert left.progress_done == 3

    def rest(_job: Job, progress: Progress) -> Fields:
        progress("index", 6, 6)
        return {}

    done = runner(store, rest, time).run_next()
    assert done is not None
    assert (done.state, done.progress_done, done.progress_total) == ("succeeded", 9, 9)


def test_a_stopped_runner_claims_nothing_and_may_be_started_again(
    store: SqlTrialStore, time: Seconds
) -> None:
    ran = threading.Event()

    def work(_job: Job, _progress: Progress) -> Fields:
        ran.set()
        return {}

    jobs = runner(store, work, time, poll_s=0.01)
    assert jobs.stop()
    jobs.start()
    jobs.start()
    assert jobs.stop(30)
    job = add_job(store, add_space(store))
    assert stored(store, job).state == "queued"
    jobs.start()
    assert ran.wait(30)
    assert jobs.stop(30)


def test_an_interrupt_from_the_keyboard_gives_the_job_back(
    store: SqlTrialStore, time: Seconds, job: Job
) -> None:
    with pytest.raises(KeyboardInterrupt):
        runner(store, fails(KeyboardInterrupt()), time).run_next()
    assert stored(store, job).state == "queued"


def test_jobs_of_a_kind_that_this_release_does_not_know_are_left_to_others(
    store: SqlTrialStore, time: Seconds
) -> None:
    space = add_space(store)
    other = add_job(store, space)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET kind = 'newer'")
    assert runner(store, nothing, time).run_next() is None
    store.claim_job(["newer"], dead(), NOW, NOW, NOW)
    assert runner(store, nothing, time).run_next() is None
    assert stored(store, other).state == "running"
