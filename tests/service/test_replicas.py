"""Several services at once, each a process: what a workspace may ask of all of them together."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.forked import CONTEXT
from tests.limits.ageing import age
from tests.service.replica import AT_ONCE, PER_MINUTE, ask_often, serve
from tradingkb.testing import RedisProcess

PATIENCE_S = 30.0


def test_processes_that_ask_at_once_get_exactly_what_there_is(redis_process: RedisProcess) -> None:
    pipes, rounds = [CONTEXT.Pipe() for _ in range(4)], [(90, 0), (0, 7), (90, 7)]
    for _, theirs in pipes:
        arguments = (theirs, redis_process.patient_url, rounds)
        CONTEXT.Process(target=ask_often, args=arguments, daemon=True).start()
    for ours, _ in pipes:
        assert ours.recv() == "ready"
    for limit in (90, 7, 7):
        name = uuid.uuid4().hex
        for ours, _ in pipes:
            ours.send(name)
        assert sum(ours.recv() for ours, _ in pipes) == limit


class Replicas:
    """Two services over one home."""

    def __init__(self, folder: Path, redis_url: str | None) -> None:
        self.folder = folder
        self.processes, self.ports = [], []
        for _ in range(2):
            ours, theirs = CONTEXT.Pipe()
            process = CONTEXT.Process(target=serve, args=(theirs, folder, redis_url), daemon=True)
            process.start()
            self.processes.append(process)
            self.ports.append(ours.recv())
        for port in self.ports:
            wait_until(lambda port=port: self.ask("/ready", port)[0] == 200)

    def ask(self, path: str, port: int) -> tuple[int, Any]:
        with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port)) as line:
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, json.loads(answer.read())
        return 0, None

    def hold(self, times: int) -> Callable[[], Counter[int]]:
        """Asks each for what waits; comes back when all are decided, with what ends them."""
        statuses: Counter[int] = Counter()
        (self.folder / "go").unlink(missing_ok=True)
        for old in self.folder.glob("inside-*"):
            old.unlink()
        threads = [
            threading.Thread(
                target=lambda port=port: statuses.update([self.ask("/kb/workspaces", port)[0]])
            )
            for port in self.ports * times
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(self.inside()) + statuses[429] == len(threads))

        def end() -> Counter[int]:
            (self.folder / "go").touch()
            for thread in threads:
                thread.join()
            return statuses

        return end

    def inside(self) -> list[str]:
        """Of the requests that wait: what their process has imported."""
        return [path.name.rpartition("-")[2] for path in self.folder.glob("inside-*")]

    def ask_by_turns(self, times: int) -> Counter[int]:
        return Counter(self.ask("/kb/objectives", port)[0] for port in self.ports * times)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def start(tmp_path: Path, sqlite_schema: Path) -> Iterator[Callable[[str | None], Replicas]]:
    (tmp_path / "home").mkdir()
    shutil.copy(sqlite_schema, tmp_path / "home" / "tradingkb.db")
    started: list[Replicas] = []

    def begin(redis_url: str | None) -> Replicas:
        started.append(Replicas(tmp_path, redis_url))
        return started[-1]

    yield begin
    for process in (process for replicas in started for process in replicas.processes):
        process.kill()
        process.join()


def test_two_replicas_admit_twice_the_limit_by_memory_and_exactly_the_limit_by_redis(
    start: Callable[[str | None], Replicas], start_redis: Callable[[], RedisProcess]
) -> None:
    redis = start_redis()
    for url, copies in ((None, 2), (redis.patient_url, 1)):
        replicas = start(url)
        end = replicas.hold(3)
        assert replicas.inside() == ["nothing" if url is None else "redis"] * AT_ONCE * copies
        assert end() == {200: AT_ONCE * copies, 429: 6 - AT_ONCE * copies}
        left = (PER_MINUTE - AT_ONCE) * copies
        assert replicas.ask_by_turns(4) == {200: left, 429: 8 - left}
    # A replica that is killed gives nothing back; its leases end, and others go on.
    age(redis, 60)
    end = replicas.hold(1)
    replicas.processes[0].kill()
    survivor = replicas.ports[1]
    age(redis, 30)
    assert replicas.ask("/kb/objectives", survivor)[0] == 429
    age(redis, 30)
    assert replicas.ask("/kb/objectives", survivor)[0] == 200
    end()
