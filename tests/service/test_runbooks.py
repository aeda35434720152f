"""Runbooks over HTTP: the catalogue, runs and their reports, schedules, and starting one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.noted import NAME, RESULT, run_of, write_runbook
from tests.service.conftest import ADMIN, TOKENS, Serve, bearer, walked
from tradingkb.ports import RunbookRun
from tradingkb.presentation import REPORT_POLICY

#: The package calls the router so.
ROUTES = import_module("tradingkb.service.routes.runbooks")
NOW = datetime.now(UTC)
RUNS = "/kb/runbooks/runs"
START = f"/kb/runbooks/{NAME}/runs"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    write_runbook(tmp_path / "books")
    return tmp_path / "books"


@pytest.fixture
def noted(serve: Serve, books: Path) -> TestClient:
    """A service over an empty store, beside a runbook."""
    return serve(runbooks_dir=books)


def kept(client: TestClient, *runs: RunbookRun) -> None:
    store = client.app.state.service.kb.use_cases.store  # type: ignore[attr-defined]
    for run in runs:
        assert store.add_runbook_run(run)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What was asked for; no process is started."""
    calls: list[dict[str, Any]] = []

    def start(settings: Any, name: str, parameters: dict[str, Any], **more: Any) -> RunbookRun:
        calls.append({"name": name, "parameters": parameters, **more})
        return run_of(state="starting", outcome=None, result=None, parameters=parameters)

    monkeypatch.setattr(ROUTES, "start_runbook", start)
    yield calls


def test_the_catalogue_says_what_each_runbook_is_and_takes_and_no_path(noted: TestClient, books):
    answer = noted.get("/kb/runbooks")
    (book,) = answer.json()["runbooks"]
    assert (book["name"], book["alerts"], book["destructive"]) == (NAME, ["KbIngestStale"], True)
    hours = next(one for one in book["parameters"] if one["name"] == "hours")
    assert (hours["type"], hours["default"], hours["meaning"]) == ("int", 24, "of the last hours")
    assert str(books) not in answer.text


def test_pages_of_runs_hold_each_run_of_the_workspace_once_by_either_of_its_names(noted):
    kb = noted.app.state.service.kb
    kb.create_workspace("desk")
    desk = kb.use_cases.workspaces.find("desk")
    names = ["desk", desk.id]
    at = [NOW - timedelta(minutes=n) for n in range(5)]
    runs = [run_of(workspace=names[n % 2], started_at=at[n]) for n in range(5)]
    kept(noted, *runs, run_of(), run_of(workspace="desk", runbook="09_other", started_at=NOW))
    path = f"{RUNS}?workspace_id=desk&limit=2&runbook={NAME}"
    assert [row["run_id"] for row in walked(noted, path, "runs")] == [run.run_id for run in runs]
    row = noted.get(path).json()["runs"][0]
    assert row["parameters"]["hours"] == 12
    assert not {"result", "holder"} & set(row)


def test_a_run_tells_its_result_and_nothing_of_its_machine(noted: TestClient):
    seen = {"what": "see /srv/kb/x.csv", "severity": "info", "evidence": {"at": "10.0.0.7:6333"}}
    result = {**RESULT, "findings": [seen]}
    run = run_of(result=result, outcome="failed", error="cannot open /srv/kb/tradingkb.db")
    kept(noted, run)
    answer = noted.get(f"{RUNS}/{run.run_id}")
    told = answer.json()
    assert told["progress"] == {"done": 4, "total": 4}
    assert told["result"]["next_steps"] == RESULT["next_steps"]
    assert told["result"]["findings"][0]["evidence"] == {"at": "<host>"}
    assert "<path>" in told["error"]
    assert "host-of-ours" not in answer.text
    assert "/srv" not in answer.text


def test_a_run_without_a_sign_of_life_is_lost(noted: TestClient):
    long_ago = NOW - timedelta(hours=2)
    run = run_of(state="running", outcome=None, ended_at=None, heartbeat_at=long_ago)
    kept(noted, run)
    assert noted.get(f"{RUNS}/{run.run_id}").json()["state"] == "lost"
    assert noted.get(RUNS).json()["runs"][0]["state"] == "lost"


def test_a_run_that_is_not_there_is_not_found(noted: TestClient):
    for path in (f"{RUNS}/r1", f"{RUNS}/r1/report"):
        assert noted.get(path).status_code == 404


def test_a_report_is_shut_in_wherever_it_is_opened(noted: TestClient, tmp_path: Path):
    run = run_of()
    kept(noted, run)
    missing = noted.get(f"{RUNS}/{run.run_id}/report")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    file = noted.app.state.service.settings.absolute_home / "runbooks" / str(run.report)
    file.parent.mkdir(parents=True)
    file.write_text("<html>é<script>1</script></html>", encoding="utf-8")
    found = noted.get(f"{RUNS}/{run.run_id}/report")
    assert found.text == "<html>é<script>1</script></html>"
    assert found.headers["content-type"].startswith("text/html")
    assert found.headers["content-security-policy"] == f"{REPORT_POLICY}; sandbox allow-scripts"
    assert "unsafe-eval" not in REPORT_POLICY
    assert found.headers["x-content-type-options"] == "nosniff"


def test_a_runbook_is_started_dry_unless_it_is_said_and_answers_at_once(noted, started):
    body = {"parameters": {"workspace": "default", "source": "a.csv"}}
    answer = noted.post(START, json=body, headers=ADMIN)
    assert answer.status_code == 202
    run_id = answer.json()["run_id"]
    assert answer.headers["location"] == f"{RUNS}/{run_id}"
    noted.post(START, json={**body, "dry_run": False, "actor": "ada"}, headers=ADMIN)
    first, second = started
    assert first == {
        "name": NAME,
        "parameters": {"workspace": "default", "source": "a.csv", "dry_run": True},
        "actor": "http",
    }
    assert (second["parameters"]["dry_run"], second["actor"]) == (False, "ada")


@pytest.mark.parametrize(
    ("name", "parameters", "status", "field", "word"),
    [
        (NAME, {"source": "a", "hour": 3}, 404, "parameter", "hours"),
        (NAME, {"source": "a", "hours": "many"}, 422, "hours", "int"),
        (NAME, {}, 422, "source", 'parameters: {"source": ...}'),
        (NAME, {"source": "a", "workspace": "nowhere"}, 404, "workspace_id", "--create nowhere"),
        (NAME, {"source": "a", "dry_run": False}, 422, "parameters", "dry_run"),
        ("06_bring_on", {"source": "a"}, 404, "runbook", NAME),
    ],
)
def test_what_cannot_be_started_is_refused_with_its_field_and_a_remedy(
    noted: TestClient, name, parameters, status, field, word
):
    path = f"/kb/runbooks/{name}/runs"
    answer = noted.post(path, json={"parameters": parameters}, headers=ADMIN)
    told = answer.json()
    assert (answer.status_code, told["field"]) == (status, field)
    assert word in told["remedy"]
    assert noted.get(RUNS).json()["runs"] == []


#: What the extra `runbooks` installs.
EXTRA = ("papermill", "nbclient", "nbconvert", "nbformat", "ipykernel", "cronsim", "plotly")


def test_the_service_starts_where_the_extra_is_not_installed():
    block = "; ".join(f"sys.modules[{name!r}] = None" for name in EXTRA)
    code = f"import sys; {block}; import tradingkb.service, tradingkb.client"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_what_runs_notebooks_the_rest_works_and_starting_says_what_is_missing(
    noted: TestClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "papermill", None)
    assert noted.get("/kb/runbooks").status_code == 200
    body = {"parameters": {"source": "a.csv"}}
    answer = noted.post(START, json=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (500, "configuration")
    assert "tradingkb[runbooks]" in answer.json()["detail"]


def test_a_token_opens_runs_and_schedules_of_its_own_workspace_alone(serve: Serve, books: Path):
    client = serve(runbooks_dir=books, workspace_tokens=TOKENS)
    for slug in TOKENS:
        client.app.state.service.kb.create_workspace(slug)
    run, lost = run_of(workspace="desk"), run_of(workspace="nowhere")
    kept(client, run, lost)
    own, other = bearer(TOKENS["desk"]), bearer(TOKENS["lab"])
    for path in (f"{RUNS}/{run.run_id}", f"{RUNS}?workspace_id=desk"):
        codes = [client.get(path, headers=headers).status_code for headers in (own, ADMIN, other)]
        assert codes == [200, 200, 403]
    for path in ("/kb/runbooks", RUNS, "/kb/schedules", "/kb/schedules/ticks"):
        assert client.get(path).status_code == 401
    assert client.get(f"{RUNS}/{run.run_id}/report", headers=other).status_code == 403
    # Of a workspace that is not there nothing is said but to administrators.
    where = f"{RUNS}/{lost.run_id}"
    assert [client.get(where, headers=h).status_code for h in (own, ADMIN)] == [403, 200]
    assert client.post(START, json={}, headers=own).status_code == 401
