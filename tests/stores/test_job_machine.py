"""Jobs in any order of events: one holder at a time, and what has ended stays as it is.

The model knows who holds a job; whoever else writes must find that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tradingkb.domain import Workspace
from tradingkb.ports import FINISHED, Job
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPACES = ("one", "two")
HOLDERS = st.sampled_from(["ann", "bob", "cid"])
#: What the clock of a holder says is days away from another's.
TIMES = st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days))
LATEST = NOW + timedelta(days=99)
KINDS = ("work",)


@cache
def empty_store() -> bytes:
    """A file with tables, made once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kb.db"
        SqlTrialStore(open_engine(f"sqlite:///{path}")).close()
        return path.read_bytes()


@dataclass
class Known:
    """What the model knows of a job."""

    space: str
    state: str = "queued"
    holder: str | None = None
    attempts: int = 0
    cancel: bool = False
    writes: int = 0
    ended: list[Any] = field(default_factory=list)


class JobMachine(RuleBasedStateMachine):
    """Holders that claim, beat, give back and end, also when it is not theirs any more."""

    jobs = Bundle("jobs")
    seen = Bundle("seen")

    @initialize()
    def open(self) -> None:
        """An empty store."""
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name) / "kb.db"
        path.write_bytes(empty_store())
        self.store = SqlTrialStore(open_engine(f"sqlite:///{path}"))
        for space in SPACES:
            self.store.create_workspace(Workspace(space, space, None, None, {}, NOW))
        self.known: dict[str, Known] = {}
        self.ticks = 0

    def teardown(self) -> None:
        """Closes it."""
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(target=jobs, space=st.sampled_from(SPACES))
    def submit(self, space: str) -> str:
        name = f"job {len(self.known):03}"
        at = NOW + timedelta(microseconds=len(self.known))
        self.store.add_job(Job(name, space, "work", {}, at, "ada"))
        self.known[name] = Known(space)
        return name

    @rule(holder=HOLDERS, at=TIMES)
    def claim(self, holder: str, at: datetime) -> None:
        busy = {k.space for k in self.known.values() if k.state == "running"}
        free = [n for n, k in self.known.items() if k.state == "queued" and k.space not in busy]
        job = self.store.claim_job(KINDS, holder, self._tick(at), at, LATEST)
        assert (job.job_id if job else None) == (min(free) if free else None)
        if job is not None:
            self._take(job, holder)

    @rule(target=seen, name=jobs)
    def look(self, name: str) -> tuple[Job, int]:
        job = self.store.job(name)
        assert job is not None
        return job, self.known[name].writes

    @rule(sight=seen, holder=HOLDERS, days=TIMES)
    def take(self, sight: tuple[Job, int], holder: str, days: datetime) -> None:
        """One that was seen some time ago, and may have moved since."""
        job, writes = sight
        known = self.known[job.job_id]
        still = known.state == "running" == job.state and known.writes == writes
        taken = self.store.take_job(job, holder, self._tick(days), days)
        assert (taken is not None) == still
        if taken is not None:
            self._take(taken, holder)

    @rule(name=jobs, holder=HOLDERS, days=TIMES, done=st.integers(0, 9))
    def beat(self, name: str, holder: str, days: datetime, done: int) -> None:
        known = self.known[name]
        job = self.store.beat_job(name, holder, self._tick(days), days, (done, 9))
        assert (job is not None) == self._holds(known, holder)
        if job is not None:
            assert (job.progress_done, job.cancel_requested) == (done, known.cancel)
            known.writes += 1

    @rule(name=jobs, holder=HOLDERS, counted=st.booleans())
    def release(self, name: str, holder: str, counted: bool) -> None:
        known = self.known[name]
        given = self.store.release_job(name, holder, counted=counted)
        assert given == self._holds(known, holder)
        if given:
            known.state, known.holder = "queued", None
            known.attempts -= not counted
            known.writes += 1

    @rule(name=jobs, holder=HOLDERS, state=st.sampled_from(FINISHED))
    def end(self, name: str, holder: str, state: Any) -> None:
        known = self.known[name]
        ended = self.store.end_job(name, holder, state, NOW, result={"by": holder})
        assert ended == self._holds(known, holder)
        if ended:
            known.state, known.holder = state, None
            known.ended = [self.store.job(name)]

    @rule(name=jobs)
    def cancel(self, name: str) -> None:
        known = self.known[name]
        job = self.store.cancel_job(name, NOW)
        assert job is not None
        if known.state == "queued":
            known.state, known.cancel = "cancelled", True
            known.ended = [job]
        elif known.state == "running":
            known.cancel = True

    @invariant()
    def what_is_stored_is_what_was_done(self) -> None:
        """In every step; ended jobs are as they were at their end, to the last field."""
        for name, known in getattr(self, "known", {}).items():
            job = self.store.job(name)
            assert job is not None
            assert (job.state, job.holder) == (known.state, known.holder)
            assert (job.attempts, job.cancel_requested) == (known.attempts, known.cancel)
            assert known.ended in ([], [job])
        running = [k.space for k in getattr(self, "known", {}).values() if k.state == "running"]
        assert len(running) == len(set(running))

    def _take(self, job: Job, holder: str) -> None:
        known = self.known[job.job_id]
        known.state, known.holder = "running", holder
        known.attempts += 1
        known.writes += 1

    @staticmethod
    def _holds(known: Known, holder: str) -> bool:
        return known.state == "running" and known.holder == holder

    def _tick(self, days: datetime) -> datetime:
        """A clock that is wrong by days, and still never says the same twice."""
        self.ticks += 1
        return days + timedelta(microseconds=self.ticks)


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
