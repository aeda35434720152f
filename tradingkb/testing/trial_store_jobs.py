"""The part of the `TrialStore` contract about jobs."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from tradingkb.ports import FINISHED, Job, JobState, TrialStore
from tradingkb.testing.stored import NOON, OTHER_WORKSPACE, WORKSPACE, workspace

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)
#: Far enough for every wait of these tests.
LATEST = NOON + timedelta(days=1)
KINDS = ("ingest", "reembed")


def queued(number: int = 1, **changes: Any) -> Job:
    """A job that was asked for so many minutes after noon."""
    job = Job(
        str(uuid.UUID(int=number)),
        WORKSPACE,
        "reembed",
        {"target_model": "m2", "restart": False},
        NOON + number * MINUTE,
        "ada",
    )
    return replace(job, **changes)


def claim(kb: TrialStore, holder: str = "a", at: datetime = LATER) -> Job | None:
    """A claim whose holder has a minute."""
    return kb.claim_job(KINDS, holder, at, at + MINUTE, LATEST)


class JobContract:
    """Part of `TrialStoreContract`."""

    # asking for jobs

    def test_a_job_comes_back_as_it_was_asked_for(self, kb: TrialStore) -> None:
        job = queued(idempotency_key="mine", request_id="r-1", arguments={"a": [1, {"b": None}]})
        assert kb.add_job(job) == job
        assert kb.job(job.job_id) == job
        assert kb.job("another") is None

    def test_a_job_that_is_asked_for_twice_under_one_key_is_one_job(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        first = kb.add_job(queued(1, idempotency_key="k"))
        again = queued(2, idempotency_key="k", arguments={"other": 1})
        assert kb.add_job(again) == first
        for n, other in enumerate(
            ({"kind": "ingest"}, {"workspace_id": OTHER_WORKSPACE}, {"idempotency_key": "l"}, {}),
            start=3,
        ):
            job = queued(n, **{"idempotency_key": None if not other else "k", **other})
            assert kb.add_job(job) == job
        assert kb.count_jobs()["queued"] == 5

    def test_jobs_are_newest_first_in_pages(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        same = NOON + 4 * MINUTE
        jobs = [*map(queued, range(1, 5)), queued(5, created_at=same)]
        jobs.append(queued(6, workspace_id=OTHER_WORKSPACE))
        for job in jobs:
            kb.add_job(job)
        kb.cancel_job(jobs[1].job_id, LATER)

        def numbers(*arguments: Any) -> list[int]:
            return [uuid.UUID(one).int for one in kb.job_rows(*arguments)["job_id"]]

        assert numbers(None, None, 9) == [6, 5, 4, 3, 2, 1]
        assert numbers(WORKSPACE, "queued", 9) == [5, 4, 3, 1]
        first = kb.job_rows(WORKSPACE, None, 2)
        last = first.row(-1, named=True)
        assert numbers(WORKSPACE, None, 2, (last["created_at"], last["job_id"])) == [3, 2]
        row = kb.job_rows(WORKSPACE, "queued", 1).row(0, named=True)
        assert json.loads(row["arguments"]) == {"target_model": "m2", "restart": False}
        assert not {"holder", "expires_at", "idempotency_key"} & row.keys()

    # claiming

    def test_the_oldest_job_that_may_be_begun_is_claimed_and_counted(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        for job in (
            queued(3, workspace_id=OTHER_WORKSPACE),
            queued(2),
            queued(1, kind="another release's"),
        ):
            kb.add_job(job)
        first = claim(kb, "a")
        assert first is not None
        assert first == queued(
            2,
            state="running",
            holder="a",
            attempts=1,
            started_at=LATER,
            heartbeat_at=LATER,
            expires_at=LATER + MINUTE,
        )
        assert kb.running_jobs() == [first]
        second = claim(kb, "b")
        assert second is not None
        assert second.workspace_id == OTHER_WORKSPACE
        assert claim(kb, "c") is None

    def test_jobs_of_one_workspace_are_run_one_after_the_other(self, kb: TrialStore) -> None:
        for n in (1, 2):
            kb.add_job(queued(n))
        first = claim(kb, "a")
        assert first is not None
        assert claim(kb, "b") is None
        assert kb.end_job(first.job_id, "a", "succeeded", LATER)
        second = claim(kb, "b")
        assert second is not None
        assert second.job_id == queued(2).job_id

    def test_many_claims_at_once_get_every_job_once(self, kb: TrialStore) -> None:
        spaces = [str(uuid.UUID(int=1000 + n)) for n in range(6)]
        for n, space in enumerate(spaces):
            kb.create_workspace(workspace(f"w{n}", space))
            kb.add_job(queued(n, workspace_id=space))

        def claimed(holder: int) -> list[str]:
            found = (claim(kb, str(holder)) for _ in spaces)
            return [job.job_id for job in found if job is not None]

        with ThreadPoolExecutor(4) as pool:
            found = [one for part in pool.map(claimed, range(4)) for one in part]
        assert sorted(found) == [queued(n).job_id for n in range(6)]

    def test_a_job_that_waits_is_not_begun_before_its_time(self, kb: TrialStore) -> None:
        kb.add_job(queued())
        claim(kb, "a")
        wait = LATER + 5 * MINUTE
        assert kb.release_job(queued().job_id, "a", not_before=wait, error="busy", counted=True)
        job = kb.job(queued().job_id)
        assert job is not None
        assert (job.state, job.holder, job.attempts, job.error) == ("queued", None, 1, "busy")
        assert claim(kb, "b", wait - MINUTE) is None
        assert claim(kb, "b", wait) is not None

    def test_a_wait_that_is_longer_than_any_wait_is_a_wrong_clock(self, kb: TrialStore) -> None:
        kb.add_job(queued())
        claim(kb, "a")
        kb.release_job(queued().job_id, "a", not_before=LATEST + MINUTE)
        assert claim(kb, "b") is not None

    # holding

    @pytest.fixture
    def held(self, kb: TrialStore) -> Job:
        """A job that "a" runs."""
        kb.add_job(queued())
        job = claim(kb, "a")
        assert job is not None
        return job

    def test_a_holder_says_that_it_lives_and_how_far_it_is(self, kb: TrialStore, held: Job) -> None:
        at = LATER + MINUTE
        beaten = kb.beat_job(held.job_id, "a", at, at + MINUTE, (3, 9))
        assert beaten == replace(
            held, heartbeat_at=at, expires_at=at + MINUTE, progress_done=3, progress_total=9
        )
        still = kb.beat_job(held.job_id, "a", at + MINUTE, at + 2 * MINUTE)
        assert still is not None
        assert (still.progress_done, still.progress_total) == (3, 9)

    def test_a_job_is_given_back_as_if_it_had_not_been_begun(
        self, kb: TrialStore, held: Job
    ) -> None:
        kb.beat_job(held.job_id, "a", LATER, LATER, (3, 9))
        assert kb.release_job(held.job_id, "a")
        job = kb.job(held.job_id)
        assert job == queued(
            started_at=LATER, heartbeat_at=LATER, progress_done=3, progress_total=9
        )
        again = claim(kb, "b", LATER + MINUTE)
        assert again is not None
        assert (again.attempts, again.progress_done, again.started_at) == (1, 3, LATER)

    def test_of_two_that_take_a_job_from_a_dead_holder_one_gets_it(
        self, kb: TrialStore, held: Job
    ) -> None:
        taken = kb.take_job(held, "b", LATER + MINUTE, LATER + 2 * MINUTE)
        assert taken is not None
        assert (taken.holder, taken.attempts, taken.started_at) == ("b", 2, LATER)
        assert kb.take_job(held, "c", LATER + MINUTE, LATER + 2 * MINUTE) is None

    def test_a_job_whose_holder_has_said_that_it_lives_is_not_taken(
        self, kb: TrialStore, held: Job
    ) -> None:
        kb.beat_job(held.job_id, "a", LATER + MINUTE, LATER + 2 * MINUTE)
        assert kb.take_job(held, "b", LATER + MINUTE, LATER + 2 * MINUTE) is None
        assert kb.job(held.job_id).holder == "a"  # type: ignore[union-attr]

    def test_what_a_former_holder_writes_changes_nothing(self, kb: TrialStore, held: Job) -> None:
        taken = kb.take_job(held, "b", LATER, LATER + MINUTE)
        assert kb.beat_job(held.job_id, "a", LATEST, LATEST, (9, 9)) is None
        assert not kb.release_job(held.job_id, "a")
        for state in FINISHED:
            assert not kb.end_job(held.job_id, "a", state, LATEST)
        assert kb.job(held.job_id) == taken

    # ending

    @pytest.mark.parametrize("state", FINISHED)
    def test_an_ended_job_stays_as_it_is(self, kb: TrialStore, held: Job, state: JobState) -> None:
        end = {"error": "why", "result": {"embedded": 3}, "progress": (9, 9)}
        assert kb.end_job(held.job_id, "a", state, LATEST, **cast(Any, end))
        job = kb.job(held.job_id)
        assert job == replace(
            held,
            state=state,
            finished_at=LATEST,
            error="why",
            result={"embedded": 3},
            progress_done=9,
            progress_total=9,
            holder=None,
            expires_at=None,
        )
        assert job.finished
        assert kb.cancel_job(held.job_id, LATEST) == job
        assert kb.take_job(held, "b", LATEST, LATEST) is None
        assert not kb.end_job(held.job_id, "a", "failed", LATEST)
        assert claim(kb) is None
        assert kb.job(held.job_id) == job

    def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked_to_stop(
        self, kb: TrialStore, held: Job
    ) -> None:
        kb.add_job(queued(2))
        cancelled = kb.cancel_job(queued(2).job_id, LATEST)
        assert cancelled == queued(2, state="cancelled", cancel_requested=True, finished_at=LATEST)
        asked = kb.cancel_job(held.job_id, LATEST)
        assert asked == replace(held, cancel_requested=True)
        assert kb.beat_job(held.job_id, "a", LATER, LATER).cancel_requested  # type: ignore[union-attr]
        assert kb.cancel_job("another", LATEST) is None

    # counting and forgetting

    def test_jobs_are_counted_by_state_and_the_last_success_is_known_by_kind(
        self, kb: TrialStore
    ) -> None:
        assert set(kb.count_jobs().values()) == {0}
        ends = {1: "succeeded", 2: "succeeded", 3: "failed", 4: "cancelled"}
        for n, state in ends.items():
            kb.add_job(queued(n))
            job = claim(kb)
            assert job is not None
            kb.end_job(job.job_id, "a", cast(JobState, state), NOON + n * MINUTE)
        kb.add_job(queued(5, kind="ingest"))
        counts = {"queued": 1, "running": 0, "succeeded": 2, "failed": 1, "cancelled": 1}
        assert kb.count_jobs() == counts
        assert kb.last_job_successes() == {"reembed": NOON + 2 * MINUTE}

    def test_it_is_known_since_when_jobs_wait_and_are_silent(self, kb: TrialStore) -> None:
        assert kb.waiting_jobs() == {}
        for n in (2, 3):
            kb.add_job(queued(n, created_at=NOON + n * MINUTE))
        assert kb.waiting_jobs() == {"queued": NOON + 2 * MINUTE}
        job = claim(kb)
        assert job is not None
        assert kb.waiting_jobs() == {"queued": NOON + 3 * MINUTE, "running": job.heartbeat_at}

    def test_ended_jobs_go_by_age(self, kb: TrialStore, held: Job) -> None:
        for n in (2, 3, 4):
            kb.add_job(queued(n))
            kb.cancel_job(queued(n).job_id, NOON + n * MINUTE)
        kb.add_job(queued(5))
        limit = NOON + 4 * MINUTE
        assert kb.count_old_jobs(limit) == 2
        assert [kb.delete_jobs(limit, 1) for _ in range(3)] == [1, 1, 0]
        left = sorted(uuid.UUID(one).int for one in kb.job_rows(None, None, 9)["job_id"])
        assert left == [1, 4, 5]
        assert kb.job(held.job_id) == held
