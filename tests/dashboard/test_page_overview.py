"""The overview, with data, empty, and with a backend that does not answer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from dashboard.shared import data
from tests.dashboard.conftest import NOBODY, shown
from tradingkb.testing.stored import event

Opened = Callable[..., AppTest]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of an empty store."""
    tkb.connect(tmp_path / "home", progress=False).close()
    return tmp_path / "home"


def record(home: Path, *statuses: str, workspace: str = "default", **changes: Any) -> None:
    """Answers of the last minutes."""
    with tkb.connect(home, progress=False) as kb:
        if workspace not in kb.workspaces()["slug"]:
            kb.create_workspace(workspace)
        space = kb.use_cases.workspaces.find(workspace).id
        at = datetime.now(UTC) - timedelta(minutes=2)
        kb.use_cases.store.save_events(
            [event(workspace_id=space, status=s, at=at, **changes) for s in statuses]
        )


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def test_a_store_with_a_past_shows_its_rates_and_how_things_stand(opened: Opened, busy_home: Path):
    app = opened("overview", home=busy_home, range="24h")
    text = shown(app)
    assert not app.exception
    assert "Vector index:" in text
    assert "Last ingest:" in text
    rates, none, degraded = charts(app)
    assert [trace["name"] for trace in rates["data"]][:4] == ["none", "degraded", "ok", "answers"]
    assert "per hour (n = " in rates["layout"]["title"]["text"]
    assert [trace["name"] for trace in none["data"]] == ["now", "a day before", "a week before"]
    assert len(degraded["layout"]["shapes"]) == 2
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_what_is_wrong_is_told_first_with_since_when_why_and_its_runbook(
    opened: Opened, home: Path
):
    reasons = ["no_trials_for_strategy"]
    record(home, *(25 * ["none"]), reasons=reasons, strategy_name="<script>alert(1)</script>")
    app = opened("overview", home=home)
    text = shown(app)
    assert not app.exception
    assert "Not healthy: 1 open problem, critical, since " in text
    assert "25 of 25 answers in 60 minutes" in text
    assert "no_trials_for_strategy (25)" in text
    assert "04_kb_status_none_triage" in text
    assert "<script" not in text
    runbook, rejections = (link.proto for link in app.get("page_link"))
    assert (runbook.page, rejections.page) == ("runbooks", "rejections")
    assert parse_qs(runbook.query_string)["runbook"] == ["04_kb_status_none_triage"]
    assert parse_qs(runbook.query_string)["workspace"] == ["default"]


def test_one_answer_is_enough_for_every_range(opened: Opened, home: Path):
    record(home, "ok")
    for asked in ("1h", "6h", "24h", "7d", "30d", "90d"):
        app = opened("overview", home=home, range=asked)
        assert not app.exception, asked
        assert "Healthy" in shown(app), asked
        assert "(n = 1, UTC)" in charts(app)[0]["layout"]["title"]["text"], asked


def test_an_empty_store_is_healthy_and_says_that_nobody_has_asked(opened: Opened, home: Path):
    app = opened("overview", home=home)
    text = shown(app)
    assert not app.exception
    assert "Healthy: nothing that is watched here is wrong" in text
    assert "No answers in the last 24h in this workspace" in text
    assert charts(app) == []


def test_a_service_that_is_away_is_the_problem(opened: Opened):
    app = opened("overview", url=NOBODY)
    text = shown(app)
    assert not app.exception
    assert "Not healthy: 1 open problem, critical, since " in text
    assert "The knowledge base does not answer this dashboard" in text
    assert "07_service_restart" in text
    assert app.get("page_link") == []  # nobody would show it


def test_a_database_that_goes_away_while_it_is_looked_at_is_told_of(opened: Opened, home: Path):
    app = opened("overview", home=home)
    assert "Healthy" in shown(app)
    breaker = data.client()._kb.use_cases.breakers["db"]
    for _ in range(5):
        breaker.failed(breaker.ask(), "OperationalError SQLITE_IOERR")
    data.forget()
    app.run()
    text = shown(app)
    assert not app.exception
    assert "The database is not ready: db: circuit breaker is open" in text
    assert "nothing here is newer than when it went" in text
    assert "Rates: the knowledge base does not answer" in text


def test_a_workspace_that_was_deleted_while_it_was_open_is_told_of(opened: Opened, home: Path):
    record(home, "ok", workspace="desk")
    app = opened("overview", home=home, workspace="desk")
    assert "Healthy" in shown(app)
    with closing(sqlite3.connect(home / "tradingkb.db")) as file:
        for table in ("event_rollups", "rejection_rollups", "recommend_events"):
            file.execute(f"DELETE FROM {table}")
        file.execute("DELETE FROM workspaces WHERE slug = 'desk'")
        file.commit()
    data.forget()
    app.run()
    assert not app.exception
