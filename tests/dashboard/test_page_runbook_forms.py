"""The form of every runbook of the catalogue, empty and as each open problem's link fills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

import tradingkb as tkb
from dashboard.views import runbooks as shaped
from tests.dashboard.conftest import shown
from tradingkb.monitoring.facts import Facts, Outdated
from tradingkb.monitoring.problems import problems_of
from tradingkb.runbooks import runbooks

Opened = Callable[..., AppTest]
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=9)
_LOST = "Left out of what was to be filled in"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of an empty store."""
    tkb.connect(tmp_path / "home", progress=False).close()
    return tmp_path / "home"


@dataclass(frozen=True)
class Failing:
    """A check of readiness that fails."""

    ok: bool = False
    detail: str = "it does not answer"
    facts: dict[str, Any] = field(default_factory=dict)


def everything_wrong() -> Iterator[dict[str, Any]]:
    """Problems of every kind, as pages get them."""
    minutes = [(NOW - timedelta(minutes=n)).replace(second=0, microsecond=0) for n in range(1, 9)]
    services = ("db", "qdrant", "ollama", "redis")
    breakers = pl.DataFrame(
        {
            "replica": "a",
            "service": services,
            "state": "open",
            "failures": 5,
            "open_since": LONG_AGO,
            "last_error": "ReadTimeout",
            "changed_at": LONG_AGO,
        }
    )
    retries = pl.DataFrame(
        {"at": at, "replica": "a", "service": service, "state": "closed", "changed": False}
        | {"retries": 300, "error": "ReadTimeout"}
        for service in services
        for at in minutes
    )
    wrong = {
        "breakers": breakers,
        "retries": retries,
        "silent": {"a": LONG_AGO},
        "waits": {"running": LONG_AGO, "queued": LONG_AGO},
        "outdated": (Outdated("a model", "entries", {"default": 3}),),
        "last_ingest": LONG_AGO,
        "last_turn": LONG_AGO,
        "minutes_from": LONG_AGO,
        "unread": {"jobs": "it does not answer"},
    }
    for checks, status in (
        (("database",), "none"),
        (("qdrant_collection", "embed_service"), "degraded"),
    ):
        answers = pl.DataFrame(
            {"at": minutes, "strategy_name": "bb & co", "status": status, "count": 100}
        )
        facts = Facts("default", {one: Failing() for one in checks}, minutes=answers, **wrong)
        yield from (problem.to_dict() for problem in problems_of(facts, NOW))


def held(app: AppTest) -> dict[str, Any]:
    """What the fields of the form hold."""
    kinds = ("text_input", "number_input", "checkbox", "selectbox", "date_input")
    return {e.key: e.value for kind in kinds for e in app.get(kind) if shaped.is_key(str(e.key))}


def test_the_form_of_every_runbook_opens(opened: Opened, home: Path):
    app = opened("runbooks", home=home)
    catalogue = runbooks(None)
    assert len(catalogue) >= 9
    for book in catalogue:
        next(e for e in app.selectbox if e.key == "runbook").set_value(book.name).run()
        assert not app.exception, book.name
        told = shaped.fields(book.to_dict())
        assert set(held(app)) == {one.key for one in told}, book.name
        assert _LOST not in shown(app), book.name


def test_the_link_of_every_problem_fills_the_form_of_its_runbook(opened: Opened, home: Path):
    found = {
        (one["runbook"], *sorted(one["parameters"]), one["parameters"].get("service")): (
            shaped.of_problem(one)
        )
        for one in everything_wrong()
    }
    filled = {key for opens in found.values() for key in opens.parameters}
    assert filled == {"since", "strategy", "service"}
    for opens in found.values():
        app = opened("runbooks", home=home, **shaped.link(opens))
        assert not app.exception, opens
        wanted = {shaped.key_of(name): text for name, text in opens.parameters.items()}
        assert wanted.items() <= held(app).items(), opens
        assert _LOST not in shown(app), opens
