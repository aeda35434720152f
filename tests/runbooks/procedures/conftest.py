"""Stores that runbooks are played on: made once, copied for each test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.indexing.markets import market_trials
from tests.made_once import made_once
from tests.runbooks.played import Played, play
from tradingkb.resilience import Policy, doors

WINDOWS = 20
#: Trials of two strategies, with three parameter sets each.
TRIALS = 6 * WINDOWS
Play = Callable[..., Played]


@pytest.fixture(scope="session")
def markets_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows of many different markets, indexed by what is built in."""

    def fill(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            kb.ingest(market_trials(WINDOWS))

    return made_once(tmp_path_factory, "markets", fill)


@pytest.fixture
def home(markets_home: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(markets_home, tmp_path / "home"))


@pytest.fixture
def played(home: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a runbook on the store; a call of a backend is tried once."""
    policies = {**doors.POLICIES}
    for name in ("qdrant", "ollama"):
        policies[name] = Policy(total_s=5.0, attempts=1)
    monkeypatch.setattr(doors, "POLICIES", policies)
    return partial(play, home=home, monkeypatch=monkeypatch)


def answers(home: Path, **settings: Any) -> dict[str, Any]:
    """What must be the same before and after."""
    moving = ("request_id", "at", "timings", "collection", "embed_model")
    with tkb.connect(home, progress=False, **settings) as kb:
        market = kb.trials(strategy_name="s", limit=1)["regime_oos"][0]
        regime = tkb.Regime.from_dict(json.loads(market))
        found = kb.recommend("s", regime=regime, caller="probe").to_dict()
    return {name: value for name, value in found.items() if name not in moving}
