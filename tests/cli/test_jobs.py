"""Jobs and leases from the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tradingkb as tkb
from tests.conftest import NOW
from tests.recommend.sweeps import grid
from tradingkb.cli.app import app
from tradingkb.ports import Job
from tradingkb.settings.model import Settings

Run = Callable[[str], Result]


@pytest.fixture
def kb(
    open_kb: Callable[..., tkb.KnowledgeBase], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tkb.KnowledgeBase]:
    monkeypatch.chdir(tmp_path)
    for setting in Settings.model_fields.values():
        monkeypatch.delenv(str(setting.alias), raising=False)
    kb = open_kb("home")
    kb.ingest(grid(1))
    yield kb


@pytest.fixture
def run(kb: tkb.KnowledgeBase, tmp_path: Path) -> Run:
    place = ["--home", str(tmp_path / "home")]
    return lambda line: CliRunner().invoke(app, [*place, *shlex.split(line)])


def told(result: Result, code: int = 0) -> Any:
    assert (result.exit_code, result.stderr) == (code, ""), result.output
    return json.loads(result.stdout)


def broken(kb: tkb.KnowledgeBase) -> Job:
    """A job that will fail: its collection has another dimension."""
    kb.use_cases.indexer.vectors.ensure_collection("narrow", 3)
    return kb.submit_job("reembed", arguments={"target_collection": "narrow"})


def test_jobs_are_worked_off_without_a_service(kb: tkb.KnowledgeBase, run: Run) -> None:
    jobs = [kb.submit_job("ingest").job_id, kb.submit_job("reembed").job_id]
    shown = run("jobs --work")
    assert shown.exit_code == 0, shown.output
    assert [line.split() for line in shown.stdout.splitlines()] == [
        [jobs[0], "ingest:", "succeeded"],
        [jobs[1], "reembed:", "succeeded"],
    ]
    assert "no job is queued" in run("jobs --work").stdout
    assert told(run("jobs --work --json")) == []


def test_a_job_that_failed_is_an_exit_code_of_its_own(kb: tkb.KnowledgeBase, run: Run) -> None:
    job = broken(kb)
    shown = run("jobs --work")
    assert shown.exit_code == 8
    assert f"{job.job_id} reembed: failed (" in shown.stdout
    assert "dimension" in shown.stdout
    assert told(run(f"job {job.job_id} --json"))["state"] == "failed"


def test_a_job_that_waits_for_its_workspace_stays_queued_and_says_so(
    kb: tkb.KnowledgeBase, run: Run
) -> None:
    job = kb.submit_job("ingest")
    name = f"index:{job.workspace_id}"
    kb.use_cases.store.acquire_lease(name, "elsewhere:1:2:3", NOW, NOW)
    shown = run("jobs --work")
    assert shown.exit_code == 0
    assert shown.stdout.strip() == f"{job.job_id} ingest: queued (its workspace is being worked on)"
    assert kb.job(job.job_id).state == "queued"


def test_jobs_are_listed_and_chosen(kb: tkb.KnowledgeBase, run: Run) -> None:
    kb.create_workspace("desk")
    one, two = kb.submit_job("ingest"), kb.submit_job("ingest", "desk")
    rows = told(run("jobs --json"))
    assert [row["job_id"] for row in rows] == [two.job_id, one.job_id]
    assert rows[0]["arguments"] == {}
    assert told(run("jobs --workspace desk --limit 1 --json"))[0]["job_id"] == two.job_id
    assert told(run("jobs --state failed --json")) == []
    assert one.job_id[:8] in run("jobs").stdout
    assert run("jobs --state finished").exit_code == 2


def test_a_job_is_shown_and_cancelled(kb: tkb.KnowledgeBase, run: Run) -> None:
    job = kb.submit_job("reembed", actor="ada", request_id="r-1")
    shown = run(f"job {job.job_id}").stdout
    for line in ("state: queued", "actor: ada", "request_id: r-1", "progress: done 0, total None"):
        assert line in shown.splitlines()
    assert "error" not in shown
    assert told(run(f"job {job.job_id} --json")) == kb.job(job.job_id).to_dict()
    assert told(run(f"job {job.job_id} --cancel --json"))["state"] == "cancelled"
    missing = run("job nonsense")
    assert missing.exit_code == 2
    assert "tradingkb jobs" in missing.stderr


def test_leases_are_shown_and_broken(kb: tkb.KnowledgeBase, run: Run) -> None:
    name = f"index:{kb.workspaces()['id'][0]}"
    store = kb.use_cases.store
    store.acquire_lease(name, "mercury:4711:1:abc", NOW, NOW + timedelta(days=30))
    (row,) = told(run("leases --json"))
    assert (row["name"], row["workspace"], row["state"]) == (name, "default", "held")
    assert "process 4711 on mercury" in run("leases").stdout
    refused = run("leases --break default")
    assert refused.exit_code == 2
    assert "reason" in refused.stderr
    report = told(run(f"leases --break {name} --reason 'mercury is off' --json"))
    assert report == {
        "name": name,
        "workspace": "default",
        "holder": "process 4711 on mercury",
        "reason": "mercury is off",
    }
    gone = run("leases --break default --reason again")
    assert gone.exit_code == 2
    assert "tradingkb leases" in gone.stderr
