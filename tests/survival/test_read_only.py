"""A store that may only be read answers, and refuses to be written with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import fresh
from tests.survival.faults import NoPrivileges
from tests.survival.victim import Victim
from tests.survival.workload import OHLCV, answer, do, ingest, sample

KB = tkb.KnowledgeBase
SENT = sample(range(2))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("read-only") / "small"
    do(home, ingest, SENT, OHLCV)
    return home


@pytest.fixture(params=["file", "folder"])
def home(small: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home whose file, or whose file and folder, may not be written."""
    home = fresh(small, tmp_path / "home")
    (home / "tradingkb.db").chmod(0o444)
    if request.param == "folder":
        home.chmod(0o555)
    yield home
    home.chmod(0o755)


def trials(kb: KB) -> pl.DataFrame:
    return kb.trials().sort("source_id")


def reject(kb: KB) -> int:
    return kb.reject(strategy_name="macd_trend", reason="a bug in the backtest").changed


def rotate(kb: KB) -> int:
    return kb.reembed(target_model="regime-cosine-v1").points


def test_a_read_only_store_answers_as_any_other(home: Path, small: Path) -> None:
    assert Victim(home, answer, faults=[NoPrivileges()]).outcome().succeeded() == do(small, answer)
    found = Victim(home, trials, faults=[NoPrivileges()]).outcome().succeeded()
    assert found.equals(do(small, trials))


@pytest.mark.parametrize("operation", [reject, rotate, ingest])
def test_a_read_only_store_refuses_to_be_written_and_says_why(
    home: Path, operation: object
) -> None:
    before = (home / "tradingkb.db").read_bytes()
    arguments = (sample([3]), OHLCV) if operation is ingest else ()
    error = Victim(home, operation, *arguments, faults=[NoPrivileges()]).outcome().error
    assert error is not None
    assert error[0] == "ConfigurationError", error[2]
    assert "cannot be written" in error[1]
    assert "permissions" in error[1]
    assert (home / "tradingkb.db").read_bytes() == before
    oracle.check_sound(home)


def again(kb: KB, signal: Path) -> list[int]:
    """The number of trials, before and after somebody else has written."""
    first = kb.trials().height
    signal.touch()
    while signal.exists():
        time.sleep(0.01)
    return [first, kb.trials().height]


def test_a_store_that_is_read_without_locks_is_read_anew_when_it_has_changed(
    small: Path, tmp_path: Path
) -> None:
    home, signal = fresh(small, tmp_path / "home"), tmp_path / "signal"
    home.chmod(0o555)
    reader = Victim(home, again, signal, faults=[NoPrivileges()])
    while not signal.exists():
        time.sleep(0.01)
    home.chmod(0o755)
    do(home, ingest, sample([3]), OHLCV)
    signal.unlink()
    assert reader.outcome().succeeded() == [SENT.height, SENT.height + sample([3]).height]


def test_a_reader_without_permission_sees_what_a_writer_has_just_written(
    small: Path, tmp_path: Path
) -> None:
    home = fresh(small, tmp_path / "home")
    with tkb.connect(home, progress=False) as kb:
        ingest(kb, sample([3]), OHLCV)
        for path in home.glob("tradingkb.db*"):
            path.chmod(0o444)
        home.chmod(0o555)
        found = Victim(home, trials, faults=[NoPrivileges()]).outcome().succeeded()
        assert found.equals(trials(kb))
        home.chmod(0o755)
