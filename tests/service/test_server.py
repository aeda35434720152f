"""`tradingkb serve` as a process: how it starts, is asked, is stopped and is killed."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import ADMIN
from tradingkb.service import prepare
from tradingkb.settings import load_settings

#: What another machine's settings may not change.
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("TRADINGKB_", "EMBED", "QDRANT", "DATABASE", "LOG_", "RATE_"))
}
ROOT = Path(__file__).resolve().parents[2]


class Server:
    """One process, and where it listens."""

    def __init__(self, folder: Path, home: Path, *, answers: bool = True, **variables: str) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / f"log-{self.port}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tradingkb", "serve", "--port", str(self.port)],
                cwd=folder,
                env={
                    **CLEAN,
                    "TRADINGKB_HOME": str(home),
                    "ADMIN_TOKEN": ADMIN["X-Admin-Token"],
                    "PYTHONPATH": str(ROOT),
                    "RATE_LIMIT_PER_MINUTE": "0",
                    "RATE_LIMIT_CONCURRENT": "0",
                    **variables,
                },
                stderr=log,
                stdout=log,
            )
        self.wait_for("/health", 200)
        if answers:
            self.wait_for("/ready", 200)

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **ADMIN})
            answer = connection.getresponse()
            found = answer.read()
        is_json = answer.headers.get_content_subtype().endswith("json")
        return answer.status, json.loads(found) if is_json else found.decode()

    def wait_for(self, path: str, status: int) -> Any:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            try:
                answer = self.ask("GET", path)
            except (OSError, http.client.HTTPException):
                answer = (0, None)
            if answer[0] == status:
                return answer[1]
            time.sleep(0.05)
        raise AssertionError(f"{path} is not {status}: {answer}, {self.log.read_text()[-2000:]}")

    def end(self, sig: int = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(60)


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Server] = []

    def begin(home: Path, *, answers: bool = True, **variables: str) -> Server:
        running.append(Server(tmp_path, home, answers=answers, **variables))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def rows(home: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        return connection.execute(statement).fetchall()


def commands(page: Path) -> list[str]:
    """The shell commands of a page that ask the service."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [
        command.replace("\\\n", " ").strip()
        for block in blocks
        for command in re.findall(r"^curl .*?(?=^curl |\n\n|\Z)", block, re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.skipif(
    not shutil.which("curl"), reason="THE COMMANDS OF THE SERVICE PAGE ARE NOT TRIED: no curl"
)
def test_every_request_of_the_page_and_of_runbooks_works_as_written(
    start: Start, sample_copy: Path, data: Path
):
    server = start(sample_copy)
    page = ROOT / "notebooks" / "reference" / "service.md"
    asked = commands(page)
    assert len(asked) >= 15
    job, trial = "", server.ask("GET", "/kb/trials?limit=1")[1]["trials"][0]["trial_id"]
    for command in asked:
        here = re.sub(r"\| *jq .*$", "", command).replace(
            "localhost:8000", f"127.0.0.1:{server.port}"
        )
        here = here.replace("JOB_ID", job).replace("TRIAL_ID", str(trial))
        done = subprocess.run(
            ["bash", "-c", f"{here} -sS -w '\\n%{{http_code}}'"],
            cwd=data.parent,
            env={**CLEAN, "ADMIN_TOKEN": ADMIN["X-Admin-Token"]},
            capture_output=True,
            text=True,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        assert status in ("200", "202"), f"{command}\n{done.stdout}"
        if "/kb/reembed" in command:
            job = json.loads(body)["job_id"]


def test_a_request_in_flight_is_answered_and_leases_are_given_back(start: Start, sample_copy: Path):
    server = start(sample_copy)
    answers: list[tuple[int, Any]] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            server.ask("POST", "/kb/trials/ingest", {"workspace_id": "default"})
        )
    )
    thread.start()
    until = time.monotonic() + 30
    while not rows(sample_copy, "SELECT 1 FROM leases") and time.monotonic() < until:
        time.sleep(0.002)
    code = server.end()
    thread.join()
    assert code == -signal.SIGTERM
    assert [status for status, _ in answers] == [200]
    assert rows(sample_copy, "SELECT * FROM leases") == []
    assert rows(sample_copy, "SELECT * FROM breaker_states") == []


def test_a_job_of_a_service_that_stops_goes_on_in_the_next_one(start: Start, sample_copy: Path):
    first = start(sample_copy)
    job = first.ask("POST", "/kb/reembed", {"workspace_id": "default"})[1]["job_id"]
    first.end()
    second = start(sample_copy)
    until = time.monotonic() + 60
    while (found := second.ask("GET", f"/kb/jobs/{job}")[1])["state"] != "succeeded":
        assert time.monotonic() < until, found
        time.sleep(0.1)
    assert found["error"] is None


def test_a_job_of_a_service_that_is_killed_goes_on_in_the_next_one(start: Start, sample_copy: Path):
    first = start(sample_copy)
    job = first.ask("POST", "/kb/reembed", {"workspace_id": "default"})[1]["job_id"]
    until = time.monotonic() + 30
    while first.ask("GET", f"/kb/jobs/{job}")[1]["state"] == "queued":
        assert time.monotonic() < until
    first.end(signal.SIGKILL)
    second = start(sample_copy)
    while (found := second.ask("GET", f"/kb/jobs/{job}")[1])["state"] != "succeeded":
        assert time.monotonic() < until + 60, found
        time.sleep(0.1)
    status, found = second.ask("POST", "/kb/trials/recommend", {"strategy_name": "sma_cross"})
    assert (status, found["metadata_only"]) == (200, False)


def test_a_service_that_drains_says_so_before_it_stops_to_listen(start: Start, sample_copy: Path):
    server = start(sample_copy, TRADINGKB_DRAIN_S="1.5")
    server.wait_for("/ready", 200)
    server.process.send_signal(signal.SIGTERM)
    assert server.wait_for("/ready", 503)["draining"] is True
    assert server.ask("GET", "/health")[1]["status"] == "draining"
    assert server.process.wait(30) == -signal.SIGTERM


def test_the_log_holds_what_runbooks_look_for(start: Start, sample_copy: Path):
    server = start(sample_copy)
    asked = {"strategy_name": "sma_cross", "min_trades": 10**6, "require_oos": True}
    assert server.ask("POST", "/kb/trials/recommend", asked)[0] == 200
    server.end()
    lines = server.log.read_text().splitlines()
    done = [line for line in lines if " event=kb_recommend_complete " in line]
    assert len(done) == 1
    assert re.search(r" status=(none|degraded) ", done[0])
    assert " after_strict=0 " in done[0]
    assert any(" event=kb_recommend_start " in line for line in lines)
    text = "\n".join(lines)
    assert str(sample_copy) not in text
    assert ADMIN["X-Admin-Token"] not in text
    assert "Traceback" not in text


def test_a_port_that_is_taken_is_an_operators_matter(tmp_path: Path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "tradingkb", "serve", "--port", str(port)],
            cwd=tmp_path,
            env={**CLEAN, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "--port" in done.stderr


def test_a_service_whose_database_does_not_answer_lives_and_says_so(start: Start, tmp_path: Path):
    url = "postgresql+psycopg://ada:s3cret@127.0.0.1:1/none"
    server = start(tmp_path / "home", answers=False, DATABASE_URL=url)
    assert server.ask("GET", "/health")[1]["status"] == "starting"
    status, found = server.ask("GET", "/ready")
    assert (status, found["ready"]) == (503, False)
    status, found = server.ask("POST", "/kb/trials/recommend", {"strategy_name": "s"})
    assert (status, found["code"]) == (503, "starting")
    assert server.end() == -signal.SIGTERM
    assert "s3cret" not in server.log.read_text()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TRADINGKB_HOME": "a-file"}, "a-file"),
        ({"EMBED_DIM": "7"}, "EMBED_DIM"),
        ({"ADMIN_TOKEN": "short"}, "ADMIN_TOKEN"),
        ({"WORKSPACE_TOKENS": "desk"}, "WORKSPACE_TOKENS"),
    ],
)
def test_settings_that_cannot_be_used_end_it_at_once_with_one_line(tmp_path, variables, named):
    (tmp_path / "a-file").write_text("x")
    done = subprocess.run(
        [sys.executable, "-m", "tradingkb", "serve", "--port", "0"],
        cwd=tmp_path,
        env={**CLEAN, "PYTHONPATH": str(ROOT), "LOG_LEVEL": "ERROR", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert named in done.stderr


def test_an_answer_is_sent_in_one_go(tmp_path: Path):
    """asyncio sets TCP_NODELAY where the protocol is named; without, each answer waits 40 ms."""
    _, listening = prepare(load_settings(home=tmp_path), "127.0.0.1", 0)
    with closing(listening):
        assert listening.proto == socket.IPPROTO_TCP
