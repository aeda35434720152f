"""The page of runbooks, with data, empty, and with a backend that does not answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from tests.dashboard.asked import button
from tests.dashboard.conftest import NOBODY, shown
from tests.noted import NAME, run_of, write_runbook
from tradingkb.client import runbooks_here
from tradingkb.ports import RunbookRun

Opened = Callable[..., AppTest]
TOKEN = "a-secret-token"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of an empty store, beside a runbook."""
    write_runbook(tmp_path / "books")
    monkeypatch.setenv("RUNBOOKS_DIR", str(tmp_path / "books"))
    tkb.connect(tmp_path / "home", progress=False).close()
    return tmp_path / "home"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was started: a run that begins and no process; one more for each call."""
    calls: list[dict[str, Any]] = []

    def start(settings: Any, name: str, parameters: dict[str, Any], **more: Any) -> RunbookRun:
        calls.append({"name": name, "parameters": dict(parameters), **more})
        now = datetime.now(UTC)
        run = run_of(
            parameters=parameters,
            dry_run=parameters["dry_run"],
            state="running",
            outcome=None,
            result=None,
            cell="Plan",
            cell_done=1,
            started_at=now,
            heartbeat_at=now,
            ended_at=None,
        )
        store(settings.home, run)
        return run

    monkeypatch.setattr(runbooks_here, "start_runbook", start)
    return calls


def store(home: Path, *runs: RunbookRun) -> None:
    with tkb.connect(home, progress=False) as kb:
        for run in runs:
            assert kb.use_cases.store.add_runbook_run(run)


def field(app: AppTest, key: str) -> Any:
    kinds = ("text_input", "number_input", "checkbox", "selectbox", "date_input")
    return next(e for kind in kinds for e in app.get(kind) if e.key == key)


def filled(app: AppTest, **values: Any) -> AppTest:
    for name, value in values.items():
        field(app, f"p_{name}").set_value(value)
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(b for b in app.button if b.label == label).click().run()


def test_the_catalogue_says_what_each_runbook_is_for(opened: Opened, home: Path):
    app = opened("runbooks", home=home)
    assert not app.exception
    assert "KbIngestStale" in shown(app)
    assert "yes, unless it is a dry run" in shown(app)
    assert app.get("number_input") == []


def test_a_form_is_made_from_the_parameters_of_the_notebook(opened: Opened, home: Path):
    app = opened("runbooks", home=home, runbook=NAME)
    text = shown(app)
    assert not app.exception
    assert "The trials of the workspace." in text
    assert "tradingkb withdraw" in text
    held = {
        key: field(app, f"p_{key}").value
        for key in ("strategy", "hours", "share", "strict", "since", "how", "source")
    }
    assert held == {
        "strategy": "",
        "hours": 24,
        "share": 0.5,
        "strict": False,
        "since": None,
        "how": "fast",
        "source": "",
    }
    assert "of the last hours" in field(app, "p_hours").help
    assert field(app, "p_source").label == "source *"


def test_a_link_fills_the_form_in_and_what_has_no_place_is_said(opened: Opened, home: Path):
    app = opened(
        "runbooks",
        home=home,
        runbook=NAME,
        p_hours="6",
        p_how="careful",
        p_since="2026-02-03",
        p_luck="1",
    )
    assert not app.exception
    assert field(app, "p_hours").value == 6
    assert field(app, "p_how").value == "careful"
    assert field(app, "p_since").value == date(2026, 2, 3)
    assert "luck=1" in shown(app)


def test_what_is_missing_is_said_at_its_field_before_anything_is_started(
    opened: Opened, home: Path, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    app = opened("runbooks", home=home, runbook=NAME)
    press(app, "Dry run")
    assert not app.exception
    assert "source is needed: the file, by its name" in shown(app)
    assert started == []


def test_a_dry_run_needs_the_token_and_is_then_looked_at(
    opened: Opened, home: Path, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    app = opened("runbooks", home=home, runbook=NAME)
    filled(app, source="a.csv", hours=12)
    field(app, "_runbook_token").set_value("another")
    press(app, "Dry run")
    assert "Nothing was started" in shown(app)
    assert started == []
    field(app, "_runbook_token").set_value(TOKEN)
    press(app, "Dry run")
    assert not app.exception
    (call,) = started
    assert call["name"] == NAME
    assert call["actor"] == "dashboard"
    assert call["parameters"] == {
        "workspace": "default",
        "dry_run": True,
        "strategy": None,
        "hours": 12,
        "share": 0.5,
        "strict": False,
        "since": None,
        "how": "fast",
        "source": "a.csv",
    }
    assert "running" in shown(app)
    assert "Cell 2 of 4" in str(app.get("progress")[0].proto)
    assert TOKEN not in str(dict(app.query_params))


def test_a_run_that_changes_something_is_confirmed_first(
    opened: Opened, home: Path, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    app = opened("runbooks", home=home, runbook=NAME)
    filled(app, source="a.csv")
    field(app, "_runbook_token").set_value(TOKEN)
    press(app, "Run")
    text = shown(app)
    assert started == []
    assert "Nothing has begun yet" in text
    assert "No dry run with these parameters" in text
    filled(app, source="b.csv")
    assert "Nothing has begun yet" not in shown(app)  # it was of another form
    press(app, "Run")
    button(app, "_runbook_do").click().run()
    assert not app.exception
    assert [call["parameters"]["dry_run"] for call in started] == [False]
    assert started[0]["parameters"]["source"] == "b.csv"
    assert field(app, "_runbook_token").value == ""


def test_without_a_token_of_the_operator_nothing_is_started(
    opened: Opened, home: Path, started: list[dict[str, Any]]
):
    app = opened("runbooks", home=home, runbook=NAME, p_source="a.csv")
    press(app, "Dry run")
    assert "ADMIN_TOKEN" in shown(app)
    assert started == []


def test_a_run_shows_what_it_found_and_its_next_step_fills_the_form_in(opened: Opened, home: Path):
    run = run_of()
    store(home, run)
    app = opened("runbooks", home=home, run=run.run_id, part="Runs")
    text = shown(app)
    assert not app.exception
    assert "needs a decision" in text
    assert "3 rows &lt;b&gt;wait&lt;/b&gt;" in text
    assert "inserted 3" in text
    assert "tradingkb withdraw 3" in text
    assert "tradingkb calibrate" in text
    assert f"{NAME}/a.ipynb" in text
    assert "host-of-ours" not in text
    button(app, "_next_0").click().run()
    assert not app.exception
    assert field(app, "p_source").value == "b.csv"
    assert field(app, "p_hours").value == 6
    button(app, "_again").click().run()
    assert field(app, "p_source").value == "a.csv"
    assert field(app, "p_hours").value == 12


def test_a_run_of_a_workspace_by_its_id_opens_the_form_in_that_workspace(
    opened: Opened, home: Path
):
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("desk")
        desk = kb.use_cases.workspaces.find("desk").id
    run, gone = run_of(workspace=desk), run_of(workspace="nowhere")
    store(home, run, gone)
    app = opened("runbooks", home=home, run=run.run_id)
    button(app, "_again").click().run()
    assert not app.exception
    assert field(app, "workspace").value == "desk"
    field(app, "run").set_value(gone.run_id).run()
    button(app, "_again").click().run()
    assert not app.exception
    assert field(app, "workspace").value == "desk"
    assert "workspace=nowhere" in shown(app)


def test_a_lost_run_is_called_lost_and_a_failed_one_says_why(opened: Opened, home: Path):
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    gone = {"outcome": None, "result": None, "ended_at": None, "started_at": long_ago}
    lost = run_of(state="running", heartbeat_at=long_ago, **gone)
    failed = run_of(outcome="failed", error="the kernel died", result=None)
    store(home, lost, failed)
    app = opened("runbooks", home=home, run=lost.run_id, part="Runs")
    assert not app.exception
    assert "lost" in shown(app)
    assert "Its runner died or lost the store" in shown(app)
    assert "Why it ended" not in shown(app)
    listed = app.get("dataframe")[0].value
    assert list(listed["outcome"]) == ["✖ failed", "✖ lost"]
    field(app, "run").set_value(failed.run_id).run()
    assert "the kernel died" in shown(app)


def test_a_report_that_is_gone_is_said_to_be_gone(opened: Opened, home: Path):
    run = run_of()
    store(home, run)
    app = opened("runbooks", home=home, run=run.run_id)
    next(t for t in app.toggle if t.key == "_report").set_value(True).run()
    assert not app.exception
    assert "The report: not possible" in shown(app)


def test_an_empty_store_says_that_nothing_ran_and_nothing_is_scheduled(opened: Opened, home: Path):
    app = opened("runbooks", home=home, part="Runs")
    assert "Nothing has run yet" in shown(app)
    app = opened("runbooks", home=home, part="Schedules")
    assert not app.exception
    assert "Nothing is scheduled" in shown(app)


def test_a_run_and_a_runbook_that_are_not_there_are_told(opened: Opened, home: Path):
    app = opened("runbooks", home=home, runbook="07_nothing", run="r1")
    assert not app.exception
    assert "No runbook '07_nothing'" in shown(app).replace("&#x27;", "'")
    assert "No such run is stored" in shown(app)


def test_a_service_that_is_away_is_told_of(opened: Opened):
    app = opened("runbooks", url=NOBODY)
    assert not app.exception
    assert "The runbooks: the knowledge base does not answer" in shown(app)
