"""Stores that runbooks are played on: made once, copied for each test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.indexing.markets import market_trials
from tests.made_once import made_once
from tests.runbooks.cells import Ran, run_cells
from tests.small_store import MARKET, REGIME_V1, trials
from tradingkb.domain import ParamSpec, StrategySpec
from tradingkb.resilience import Policy, doors

WINDOWS = 20
#: Trials of two strategies, with three parameter sets each.
TRIALS = 6 * WINDOWS
Play = Callable[..., Ran]


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
    return partial(run_cells, home=home, monkeypatch=monkeypatch)


def answers(home: Path, **settings: Any) -> dict[str, Any]:
    """What must be the same before and after."""
    moving = ("request_id", "at", "timings", "collection", "embed_model")
    with tkb.connect(home, progress=False, **settings) as kb:
        market = kb.trials(strategy_name="s", limit=1)["regime_oos"][0]
        regime = tkb.Regime.from_dict(json.loads(market))
        found = kb.recommend("s", regime=regime, caller="probe").to_dict()
    return {name: value for name, value in found.items() if name not in moving}


def asked(home: Path) -> None:
    """Fills a store whose answers are of every kind, and then loses its collection."""
    barred = pl.when(pl.col("source_id").str.ends_with(":19")).then(0.6).otherwise(0.1)
    deep = pl.lit(0.4).alias("max_drawdown_frac_oos")
    fast = ParamSpec("fast", "int", low=2, high=19)
    kinds = {
        "s": trials(12),
        "few": trials(1, (5,)),
        "deep": trials(12).with_columns(deep),
        "mended": trials(12, (19, 20)).with_columns(barred.alias("max_drawdown_frac_oos")),
    }
    with tkb.connect(home, progress=False) as kb:
        for name, frame in kinds.items():
            own = pl.format("{}:{}", pl.lit(name), "source_id")
            kb.ingest(frame.with_columns(strategy_name=pl.lit(name), source_id=own))
        for name in ("empty", "mended"):
            kb.register_strategy(StrategySpec(name, (fast,)))
        for question, times in QUESTIONS:
            for _ in range(times):
                kb.recommend(**question)
        kb.recommend("s", caller="probe")
        kb.drop_collection(REGIME_V1, force=True)
        for _ in range(3):
            kb.recommend("s", regime=MARKET)


#: What is asked, and how often: 4 are ok, 5 none, and with 3 after the collection was lost 11
#: degraded.
QUESTIONS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"strategy_name": "s", "regime": MARKET}, 4),
    ({"strategy_name": "s", "regime": MARKET, "min_trades": 9999}, 3),
    ({"strategy_name": "empty", "regime": MARKET}, 2),
    ({"strategy_name": "s"}, 2),
    ({"strategy_name": "few", "regime": MARKET}, 2),
    ({"strategy_name": "deep", "regime": MARKET}, 2),
    ({"strategy_name": "mended", "regime": MARKET}, 2),
)


@pytest.fixture(scope="session")
def asked_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `asked`."""
    return made_once(tmp_path_factory, "asked", asked)


@pytest.fixture
def asked_copy(asked_home: Path, tmp_path: Path) -> Path:
    """A copy of that store that a test may change."""
    return Path(shutil.copytree(asked_home, tmp_path / "asked"))


@pytest.fixture
def played_asked(asked_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a runbook on it."""
    return partial(run_cells, home=asked_copy, monkeypatch=monkeypatch)
