"""The page of circuit breakers, with data, empty, and with a backend that does not answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from tests.dashboard.conftest import NOBODY, shown

Opened = Callable[..., AppTest]


MINUTE = timedelta(minutes=1)


@pytest.fixture
def troubled_home(tmp_path: Path) -> Path:
    """A store to which two replicas write; from one of them the vector index is away now."""
    home, now = tmp_path / "home", datetime.now(UTC)
    closed = {"state": "closed", "failures": 0, "open_since": None, "last_error": None}
    broken = {
        "state": "open",
        "failures": 9,
        "open_since": now - 10 * MINUTE,
        "last_error": "ConnectError 111",
    }
    told = [
        {
            "at": now - ago * MINUTE,
            "service": "qdrant",
            "state": state,
            "changed": True,
            "failures": 5,
            "retries": 12,
            "error": "ConnectError 111",
        }
        for ago, state in ((90, "open"), (81, "half_open"), (80, "closed"), (10, "open"))
    ]
    with tkb.connect(home, progress=False) as kb:
        store = kb.use_cases.store
        for name, index, changes in (("a", broken, told), ("b", closed, [])):
            began = [{"service": service, **closed} for service in ("db", "qdrant")]
            store.save_breakers(name, began, now - 180 * MINUTE, 1e6)
            store.save_breakers(name, [began[0], {"service": "qdrant", **index}], now, 1e6, changes)
    return home


def test_circuits_are_shown_now_and_over_time_with_what_opened_them(
    opened: Opened, troubled_home: Path
):
    app = opened("breakers", home=troubled_home, range="6h")
    text = shown(app)
    assert not app.exception
    assert "1 of 4 circuits are not closed: Vector index · a" in text
    assert "so far" in text
    assert "10 minutes" in text
    assert "ConnectError 111" in text
    timeline, retries = (json.loads(c.proto.spec) for c in app.get("plotly_chart"))
    lanes = timeline["layout"]["yaxis"]["categoryarray"]
    assert sorted(lanes) == [
        "Database · a",
        "Database · b",
        "Vector index · a",
        "Vector index · b",
    ]
    assert "retries, UTC" in retries["layout"]["title"]["text"]
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_a_store_to_which_no_replica_writes_says_so(opened: Opened, tmp_path: Path):
    tkb.connect(tmp_path / "home", progress=False).close()
    app = opened("breakers", home=tmp_path / "home")
    text = shown(app)
    assert not app.exception
    assert "Every circuit is closed" in text
    assert "No replica wrote down anything in the last 24h" in text
    assert "08_failure_modes_recovery" in text


def test_while_nobody_answers_what_to_do_is_still_there(opened: Opened):
    app = opened("breakers", url=NOBODY)
    text = shown(app)
    assert not app.exception
    assert "Circuits: the knowledge base does not answer" in text
    assert "08_failure_modes_recovery" in text
