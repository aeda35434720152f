"""Runbook 07: processes are restarted one after the other, and the way back is taken."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tradingkb as tkb
from tests.runbooks.cells import Ran
from tests.service.process import free_port
from tests.small_store import sql
from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import ScheduleState
from tradingkb.runbooks.procedures import processes
from tradingkb.runbooks.procedures.http import ask
from tradingkb.runbooks.procedures.question import Answered

NAME = "07_service_restart"
STAND_IN = str(Path(__file__).resolve().parents[1] / "stand_in.py")
Restart = Callable[..., Ran]


def stand_in(port: Any = "{port}", name: str = "tradingkb", *how: str) -> list[str]:
    return [sys.executable, "-I", "-S", STAND_IN, str(port), name, *how]


class Started:
    """Processes of a test; what they became is ended with them."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.children: list[subprocess.Popen[bytes]] = []

    def __call__(self, *how: str, command: list[str] | None = None, **variables: str) -> str:
        port = free_port()
        self.ports.append(port)
        words = command or stand_in(port, f"tradingkb-{len(self.ports)}", *how)
        words = [word.replace("{port}", str(port)) for word in words]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        env = {**os.environ, **variables}
        self.children.append(subprocess.Popen(words, env=env, **quiet))  # type: ignore[call-overload]
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not ask(url, "/ready").status:
            assert time.monotonic() < until
            time.sleep(0.01)
        return url

    def pid(self, number: int = 0) -> int | None:
        return processes.listener(self.ports[number])

    def end(self) -> None:
        for port in self.ports:
            if (pid := processes.listener(port)) is not None:
                processes.kill(pid)
        for child in (*self.children, *processes.STARTED):
            child.wait()


@pytest.fixture
def started() -> Iterator[Started]:
    found = Started()
    yield found
    found.end()


@pytest.fixture
def restarted(played: Restart, monkeypatch: pytest.MonkeyPatch) -> Restart:
    monkeypatch.delenv("ADMIN_TOKEN", raising=False)
    return lambda **given: played(NAME, **{"ready_s": 30, **given})


def test_a_dry_run_looks_at_everything_and_restarts_nothing(restarted: Restart, started: Started):
    urls = f"{started()},{started('503')}"
    pids = [started.pid(n) for n in (0, 1)]
    found = restarted(replica_urls=urls)
    assert found.result.outcome == "needs_decision"
    assert found.states == {"restart_1": "planned", "restart_2": "planned"}
    rows = found.rows("Before the restart")
    assert [(row["health"], row["ready"], row["answer"]) for row in rows] == [
        ("ok", True, "ok"),
        ("ok", False, "ok"),
    ]
    assert "database: no answer" in rows[1]["why not"]
    assert str(pids[0]) in found.result.actions[0].what
    assert [started.pid(n) for n in (0, 1)] == pids


def test_replicas_are_restarted_in_order_and_answer_as_before(restarted: Restart, started: Started):
    urls = f"{started()},{started()}"
    before = [started.pid(n) for n in (0, 1)]
    found = restarted(replica_urls=urls, dry_run=False)
    assert found.result.outcome == "done", found.result
    assert found.states == {"restart_1": "done", "restart_2": "done"}
    after = [started.pid(n) for n in (0, 1)]
    assert None not in after
    assert not set(before) & set(after)
    assert [one.name for one in found.names["found"].timings] == ["tradingkb-1", "tradingkb-2"]
    (figure,) = found.figures
    assert "n = 2 restarts" in figure.layout.title.text
    assert figure.layout.xaxis.title.text == "seconds"


def test_a_service_is_restarted_by_its_own_command_line_and_its_own_settings(
    restarted: Restart, started: Started, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRADINGKB_HOME", str(home))
    command = [sys.executable, "-m", "tradingkb", "serve", "--port", "{port}"]
    url = started(command=command, TRADINGKB_REPLICA="alone", ADMIN_TOKEN="a-secret-token")
    old = started.pid()
    found = restarted(replica_urls=url, dry_run=False)
    assert found.result.outcome == "done", found.result
    assert started.pid() not in (None, old)
    assert ask(url, "/health").body["replica"] == "alone"
    assert ask(url, "/ready").ok
    assert "a-secret-token" not in found.result.model_dump_json()
    log = (home / "logs" / f"serve-{started.ports[0]}.log").read_text()
    assert "event=service_listens" in log


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (("503",), "was not back in 1 s: database: no answer"),
        (("200", "5"), "does not answer as before: params"),
    ],
)
def test_a_version_that_is_not_ready_or_answers_otherwise_is_taken_back_and_the_rest_left_alone(
    restarted: Restart, started: Started, how: tuple[str, ...], why: str
):
    urls = f"{started()},{started()}"
    other = started.pid(1)
    command = shlex.join(stand_in("{port}", "tradingkb-new", *how))
    found = restarted(replica_urls=urls, dry_run=False, start_command=command, ready_s=1)
    assert found.result.outcome == "failed"
    assert found.states == {"restart_1": "failed", "restart_2": "skipped"}
    error = found.result.actions[0].error or ""
    assert why in error
    assert "rolled back: the version before is back" in error
    assert started.pid(1) == other
    one = urls.partition(",")[0]
    assert ask(one, "/health").body["replica"] == "tradingkb-1"
    assert ask(one, "/ready").ok


def test_one_that_does_not_end_is_left_as_it_is(restarted: Restart, started: Started):
    url = started(command=stand_in("{port}", "tradingkb-deaf"))
    pid = started.pid()
    found = restarted(replica_urls=url, dry_run=False, end_s=0)
    assert f"process {pid} did not end within 0 s" in (found.result.actions[0].error or "")
    assert started.pid() == pid
    assert ask(url, "/ready").ok


def test_jobs_that_run_are_told_and_have_to_go_on(
    restarted: Restart, started: Started, home: Path, monkeypatch: pytest.MonkeyPatch
):
    url = started()
    with tkb.connect(home, progress=False) as kb:
        job = kb.submit_job("reembed").job_id
        ago = datetime.now(UTC) - timedelta(hours=1)
        change = "UPDATE jobs SET state = 'running', heartbeat_at = :ago, started_at = :ago"
        sql(kb, change, ago=ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    # One of which nobody has heard for an hour is stuck until somebody takes it.
    waited = SimpleNamespace(s=0.0)
    monkeypatch.setattr(
        "tradingkb.runbooks.procedures.restart.time",
        SimpleNamespace(
            monotonic=lambda: waited.s, sleep=lambda s: setattr(waited, "s", waited.s + s)
        ),
    )
    found = restarted(replica_urls=url, dry_run=False)
    assert waited.s == 30
    assert found.found("jobs are running").evidence == {"jobs": [f"reembed {job}"]}
    assert found.found(f"verified: job {job} goes on").evidence["state"] == "running"
    assert found.found("KbJobStuck: ").healed_by == "restart_1"
    assert found.found("KbJobStuck is still open").severity == "warning"
    assert found.result.outcome == "needs_decision"


def test_a_command_that_ends_fails_at_once_and_the_way_back_is_offered_where_it_is_not_taken(
    restarted: Restart, started: Started
):
    words = [sys.executable, "-I", "-S", "-c", "raise SystemExit('tradingkb is broken')"]
    url = started()
    given = {"start_command": shlex.join(words), "roll_back": False, "ready_s": 30}
    found = restarted(replica_urls=url, dry_run=False, **given)
    (action,) = found.result.actions
    assert "has ended with 1: tradingkb is broken" in (action.error or "")
    assert "not rolled back: start" in (action.error or "")
    assert (action.seconds or 0) < 20
    assert not ask(url, "/health").status


def test_what_is_gone_is_started_by_the_command_that_is_given_or_as_a_service(
    restarted: Restart, started: Started
):
    started.ports.append(port := free_port())
    url = f"http://127.0.0.1:{port}"
    (planned,) = restarted(replica_urls=url).result.actions
    assert f"-m tradingkb serve --port {port}" in planned.what
    found = restarted(replica_urls=url, dry_run=False, start_command=shlex.join(stand_in()))
    # What answers is not the store's own answer.
    assert "does not answer as before" in (found.result.actions[0].error or "")
    found = restarted(
        replica_urls=url,
        dry_run=False,
        start_command=shlex.join(stand_in()),
        same_answer=False,
    )
    assert found.result.outcome == "done"
    assert found.found(f"{url} does not answer").severity == "critical"
    assert started.pid() is not None


def test_a_process_of_another_program_is_never_ended(restarted: Restart, started: Started):
    url = started(command=stand_in("{port}", "another"))
    pid = started.pid()
    with pytest.raises(InvalidInputError, match="none of tradingkb"):
        restarted(replica_urls=url, dry_run=False, pids=str(pid))
    assert started.pid() == pid


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"replica_urls": ""}, "name a replica"),
        ({"replica_urls": "http://elsewhere:80"}, "another machine"),
        ({"replica_urls": "http://127.0.0.1:9", "pids": "1,2"}, "2 for 1 addresses"),
        ({"replica_urls": "http://127.0.0.1:9", "pids": "one"}, "numbers with commas"),
    ],
)
def test_what_cannot_be_restarted_is_named(restarted: Restart, given: dict[str, str], wrong: str):
    with pytest.raises(InvalidInputError, match=wrong):
        restarted(**given)


def test_a_scheduler_is_back_when_it_has_looked_around(
    restarted: Restart, started: Started, home: Path, monkeypatch: pytest.MonkeyPatch
):
    def beat() -> None:
        with tkb.connect(home, progress=False) as kb:
            kb.use_cases.store.save_schedule_state(ScheduleState("", datetime.now(UTC), "me"))

    module = "tradingkb.runbooks.procedures.processes.start"
    start = processes.start
    waiting = f"{sys.executable} -I -S -c 'import time; time.sleep(60)' tradingkb"
    given = {"part": "scheduler", "start_command": waiting, "dry_run": False}
    found = restarted(**given, ready_s=0)
    assert "it has not looked around" in (found.result.actions[0].error or "")

    def start_and_beat(*arguments: Any) -> subprocess.Popen[bytes]:
        child = start(*arguments)
        beat()
        return child

    monkeypatch.setattr(module, start_and_beat)
    found = restarted(**given)
    assert found.result.outcome == "done", found.result
    pid = int((found.result.actions[0].actual or {})["pid"])
    assert processes.is_alive(pid)
    processes.kill(pid)


def test_the_scheduler_is_the_process_of_this_machine_that_looked_around_last(
    restarted: Restart, started: Started, home: Path
):
    started()
    pid = started.pid()
    for host, ends in ((socket.gethostname(), True), ("elsewhere", False)):
        with tkb.connect(home, progress=False) as kb:
            state = ScheduleState("", datetime.now(UTC), f"{host}:{pid}:1:ns-1")
            kb.use_cases.store.save_schedule_state(state)
        found = restarted(part="scheduler")
        assert (f"end process {pid}" in found.result.actions[0].what) is ends


def test_what_a_supervisor_starts_again_is_waited_for(restarted: Restart, started: Started):
    url = started()
    port, first = started.ports[0], started.children[0]

    def supervise() -> None:
        first.wait()
        words = stand_in(port, "tradingkb-supervised")
        started.children.append(subprocess.Popen(words))

    thread = threading.Thread(target=supervise)
    thread.start()
    found = restarted(replica_urls=url, dry_run=False, start_command="true")
    thread.join()
    assert found.result.outcome == "done", found.result
    assert ask(url, "/health").body["replica"] == "tradingkb-supervised"


def test_answers_are_compared_by_what_they_say():
    answer = dict.fromkeys(
        ("status", "params", "expected", "confidence", "reasons", "metadata_only"), 1
    ) | dict.fromkeys(("after_strict", "after_relaxed", "embed_model", "collection"), 2)
    one = Answered("one", answer)
    assert one.differences(Answered("two", {**answer})) == []
    other = replace(one, by="two", answer={**answer, "params": 3})
    assert other.differences(one) == ["params: 3 by two, 1 by one"]
    assert one.differences(Answered("two", None, "no answer")) == ["two: no answer"]


def test_a_dead_scheduler_is_not_what_a_restart_of_the_service_heals(
    restarted: Restart, started: Started, home: Path
):
    with tkb.connect(home, progress=False) as kb:
        long_ago = datetime.now(UTC) - timedelta(hours=2)
        for name in ("", "daily"):
            kb.use_cases.store.save_schedule_state(ScheduleState(name, long_ago, "gone", long_ago))
    found = restarted(replica_urls=started())
    assert found.found("KbSchedulerDead").healed_by is None
    assert "tradingkb runbook run 07_service_restart -p workspace=default -p part=scheduler" in (
        found.commands
    )
