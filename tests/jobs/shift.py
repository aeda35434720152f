"""Kinds, clocks and runners for tests of jobs, on a real store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tradingkb.domain import Workspace
from tradingkb.jobs import JobRunner
from tradingkb.ports import Job
from tradingkb.progress import Progress
from tradingkb.stores import SqlTrialStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Work = Callable[[Job, Progress], Mapping[str, Any]]
_IDS = count()


class Doing:
    """A kind of job that is one function."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return dict(arguments)

    def run(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        return self.work(job, progress)


class Seconds:
    """Seconds that pass when a test says so, and clocks that run by them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self, skew: timedelta = timedelta(0)) -> Callable[[], datetime]:
        """What a machine takes for the time."""
        return lambda: NOW + timedelta(seconds=self.now) + skew


def runner(
    store: SqlTrialStore,
    work: Work,
    time: Seconds,
    skew: timedelta = timedelta(0),
    **more: Any,
) -> JobRunner:
    """A runner of one kind, "work"."""
    return JobRunner(
        store,
        {"work": Doing(work)},
        clock=time.clock(skew),
        new_id=lambda: str(next(_IDS)),
        monotonic=time,
        sleep=time.sleep,
        **more,
    )


def add_space(store: SqlTrialStore, number: int = 1) -> str:
    """A workspace; its id."""
    space = Workspace(f"space {number}", f"w{number}", None, None, {}, NOW)
    store.create_workspace(space)
    return space.id


def add_job(store: SqlTrialStore, space: str, number: int = 1, **more: Any) -> Job:
    """A queued job."""
    at = NOW + timedelta(microseconds=number)
    return store.add_job(Job(f"job {number}", space, "work", {}, at, "ada", **more))
