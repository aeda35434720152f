"""`tradingkb serve` as a process: how it starts, is asked, is stopped and is killed."""

from __future__ import annotations

import json
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
from tests.service.process import CLEAN, Command, Server
from tradingkb.service import prepare
from tradingkb.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Server] = []

    def begin(home: Path, *, answers: bool = True, **variables: str) -> Server:
        running.append(Server(tmp_path, home, answers=answers, **variables))
        return running[-1]

    yield begin
    for server in running:
        server.process.kill()
        server.process.join()


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
    server.send(signal.SIGTERM)
    assert server.wait_for("/ready", 503)["draining"] is True
    assert server.ask("GET", "/health")[1]["status"] == "draining"
    assert server.wait(30) == -signal.SIGTERM


def test_the_log_holds_what_runbooks_look_for(start: Start, sample_copy: Path):
    server = start(sample_copy)
    asked = {"strategy_name": "sma_cross", "min_trades": 10**6, "require_oos": True}
    assert server.ask("POST", "/kb/trials/recommend", asked)[0] == 200
    server.end()
    lines = server.log().splitlines()
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
    assert "s3cret" not in server.log()


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
    done = Command(tmp_path, "serve", "--port", "0", LOG_LEVEL="ERROR", **variables)
    assert done.wait() == 3, done.log()
    assert done.out.read_text() == ""
    (line,) = done.err.read_text().splitlines()
    assert named in line


def test_an_answer_is_sent_in_one_go(tmp_path: Path):
    """asyncio sets TCP_NODELAY where the protocol is named; without, each answer waits 40 ms."""
    _, listening = prepare(load_settings(home=tmp_path), "127.0.0.1", 0)
    with closing(listening):
        assert listening.proto == socket.IPPROTO_TCP
