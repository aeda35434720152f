"""Fixtures that more than one folder uses; the order of the tests; the count of the kills."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import Phase, settings
from typer.main import get_command

import tradingkb as tkb
from tests import shared_statements
from tests.kills import Kills
from tests.made_once import made_once
from tests.postgres import (  # noqa: F401 - fixtures of every folder
    postgres_database,
    postgres_lender,
    postgres_module_database,
    postgres_schema,
    postgres_url,
    with_tables,
)
from tests.redis_servers import redis_process, short_folders, start_redis  # noqa: F401 - likewise
from tests.small_store import trials
from tradingkb.evaluate.result import Evaluation
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

settings.register_profile("tradingkb", deadline=None, derandomize=True, database=None)
#: For `make mutants`: whether a property fails matters there, not by which smallest example.
settings.register_profile(
    "mutants",
    settings.get_profile("tradingkb"),
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("tradingkb")
# Until all tests are known nothing of what is made for them is garbage.
gc.disable()

DATA = Path(__file__).resolve().parents[1] / "data"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
#: What takes longest goes first, so that no worker is left alone with it at the end. Services stay
#: behind what counts statements: what they do beside their requests would be counted, too.
FIRST = (
    "tests/dashboard/test_browser.py",
    "tests/survival/",
    "tests/stores/",
    "notebooks/",
    "tests/recommend/",
    "tests/indexing/",
    "tests/cli/",
)

# How wide whoever runs the tests has the terminal is no matter: xdist tells its workers.
os.environ.pop("COLUMNS", None)
shared_statements.share()
# All commands are built for each line that is run, which takes longer than most of them do.
typer.testing._get_command = cache(get_command)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # workers send their reports to the process that counts
        config.pluginmanager.register(Kills(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        found = [n for n, folder in enumerate(FIRST) if item.nodeid.startswith(folder)]
        return found[0] if found else len(FIRST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Ten thousand tests and what they import stay: no collection of garbage need look at them."""
    gc.freeze()
    gc.enable()


class Clock:
    """A clock that moves only when told, or by a microsecond per reading."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """No handler or level that a command leaves is there for the next test."""
    logger = logging.getLogger("tradingkb")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def data() -> Path:
    """The repository's data folder."""
    return DATA


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the sample trials, their regimes and the six specs; copy it to change it."""

    def fill(home: Path) -> None:
        with tkb.connect(home, clock=Clock(), progress=False) as kb:
            kb.register_strategy(DATA / "strategies")
            kb.ingest(DATA / "trials.parquet", ohlcv=DATA / "ohlcv")

    return made_once(tmp_path_factory, "sample", fill)


@pytest.fixture
def sample_copy(sample_home: Path, tmp_path: Path) -> Path:
    """A copy of the sample store that a test may change."""
    return Path(shutil.copytree(sample_home, tmp_path / "home"))


@pytest.fixture
def sample(sample_copy: Path, clock: Clock) -> Iterator[tkb.KnowledgeBase]:
    with tkb.connect(sample_copy, clock=clock, progress=False) as kb:
        yield kb


@pytest.fixture(scope="module")
def the_sample(
    sample_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tkb.KnowledgeBase]:
    """The sample store for tests that only ask: a module opens one, and what was read stays."""
    home = shutil.copytree(sample_home, tmp_path_factory.mktemp("asked") / "home")
    with tkb.connect(home, clock=Clock(), progress=False) as kb:
        yield kb
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables of a store and nothing in them: a copy costs less than migrations."""
    path = tmp_path_factory.mktemp("schema") / "kb.db"
    SqlTrialStore(open_engine(f"sqlite:///{path}")).close()
    return path


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight candidates on four windows, which came a minute before the clock of a test begins."""
    home = tmp_path_factory.mktemp("small") / "home"
    with tkb.connect(home, clock=Clock(NOW - timedelta(minutes=1)), progress=False) as kb:
        kb.ingest(trials())
    return home


@pytest.fixture
def open_kb(
    tmp_path: Path, clock: Clock, sqlite_schema: Path
) -> Iterator[Callable[..., tkb.KnowledgeBase]]:
    """Opens knowledge bases under the test's folder and closes them: empty, or like another."""
    opened = []

    def connect(
        name: str = "home", like: Path | None = None, **settings: object
    ) -> tkb.KnowledgeBase:
        home = tmp_path / name
        if like is not None:
            shutil.copytree(like, home)
        elif not home.exists() and "database_url" not in settings:
            home.mkdir(parents=True)
            shutil.copy(sqlite_schema, home / "tradingkb.db")
        kb = tkb.connect(home, clock=clock, progress=False, **settings)
        opened.append(kb)
        return kb

    yield connect
    for kb in opened:
        kb.close()


@pytest.fixture(scope="session")
def sample_evaluation(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Two strategies of the sample replayed on two symbols, once per session."""
    home = shutil.copytree(sample_home, tmp_path_factory.mktemp("evaluated") / "home")
    with tkb.connect(home, clock=Clock(), progress=False) as kb:
        return kb.evaluate(["sma_cross", "macd_trend"], symbols=["AAPL", "GOOG"])
