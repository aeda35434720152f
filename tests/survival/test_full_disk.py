"""Without room nothing is damaged, the error says what to do, and later the next run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import fresh
from tests.survival.faults import Fault, FullDisk, FullStore
from tests.survival.victim import Outcome, Victim
from tests.survival.workload import OHLCV, answer, do, ingest, sample

KB = tkb.KnowledgeBase
BEFORE, SENT = sample(range(2)), sample(range(2, 5))


def reject(kb: KB) -> int:
    return kb.reject(strategy_name="macd_trend", reason="a bug in the backtest").changed


def rotate(kb: KB) -> int:
    return kb.reembed(target_model="regime-cosine-v1").points


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("full") / "small"
    do(home, ingest, BEFORE, OHLCV)
    return home


@pytest.fixture
def home(small: Path, tmp_path: Path) -> Path:
    return fresh(small, tmp_path / "home")


def _says_what_to_do(outcome: Outcome) -> None:
    assert outcome.error is not None
    kind, message, trace = outcome.error
    assert kind == "DiskFullError", trace
    assert "cannot be written" in message
    assert "free space" in message


FULL = [*(FullStore(pages) for pages in (0, 4, 8, 12)), *(FullDisk(kb * 1024) for kb in (32, 96))]


@pytest.mark.parametrize("fault", FULL, ids=str)
def test_an_ingest_without_room_says_so_and_the_next_one_finishes_it(
    home: Path, fault: Fault
) -> None:
    _says_what_to_do(Victim(home, ingest, SENT, OHLCV, faults=[fault]).outcome())
    before, said = oracle.sent(BEFORE), oracle.sent(SENT)
    oracle.check_sound(home)
    oracle.check_every_value_was_sent(home, before, said)
    with tkb.connect(home, progress=False) as kb:
        ingest(kb, SENT, OHLCV)
        assert kb.reconcile().clean
    assert oracle.stored(home) == {**before, **said}
    oracle.check_points(home)


@pytest.mark.parametrize("operation", [reject, rotate])
def test_a_change_without_room_says_so_and_is_not_made(home: Path, operation: object) -> None:
    with tkb.connect(home, progress=False) as kb:
        before = answer(kb)
    _says_what_to_do(Victim(home, operation, faults=[FullDisk(32 * 1024)]).outcome())
    with tkb.connect(home, progress=False) as kb:
        assert answer(kb) == before
        kb.ingest()
        operation(kb)
        assert kb.reconcile().clean
    oracle.check_sound(home)


def test_a_new_home_without_room_says_so_and_is_made_when_there_is_some(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _says_what_to_do(Victim(home, ingest, SENT, OHLCV, faults=[FullDisk(32 * 1024)]).outcome())
    do(home, ingest, SENT, OHLCV)
    assert oracle.stored(home) == oracle.sent(SENT)


@pytest.mark.parametrize("fault", [FullStore(0), FullDisk(0)], ids=str)
def test_without_room_the_store_still_answers(home: Path, fault: Fault) -> None:
    with tkb.connect(home, progress=False) as kb:
        before = answer(kb)
    assert Victim(home, answer, faults=[fault]).outcome().succeeded() == before
