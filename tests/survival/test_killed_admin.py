"""A change of what counts is made or not made, whole, wherever the process is killed.

Statuses and history are one transaction; the vector index follows, if need be with the next ingest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import SEEDS, Case, fresh, kill_at_random, kill_everywhere
from tests.survival.workload import OHLCV, answer, changed, do, ingest, sample

#: Kills per case and seed; those at every commit come on top.
RANDOM_KILLS = {"archive": 12, "rotate": 8, "rebuild": 8}
FEW = 2
#: Both are one operation of the product.
NAMES = {"rotate": "reembed", "rebuild": "reembed"}
KB = tkb.KnowledgeBase


def reject(kb: KB) -> int:
    return kb.reject(strategy_name="sma_cross", reason="a bug in the backtest", actor="me").changed


def promote(kb: KB) -> int:
    return kb.promote(sample([1, 2])["source_id"], reason="checked by hand", actor="me").changed


def archive(kb: KB) -> int:
    return kb.archive(strategy_name="macd_trend", actor="me").changed


def rotate(kb: KB) -> int:
    return kb.reembed(target_model="regime-cosine-v1").points


def rebuild(kb: KB) -> int:
    return kb.reembed().points


def withdraw(kb: KB) -> int:
    run = kb.runs().filter(kind="ingest")["run_id"][-1]
    return kb.withdraw(run, reason="wrong costs", actor="me").changed


OPERATIONS = {o.__name__: o for o in (reject, promote, archive, rotate, rebuild, withdraw)}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: the second changes some of the first one's trials and brings others."""
    home = tmp_path_factory.mktemp("admin") / "start"
    do(home, ingest, sample(range(4)), OHLCV)
    do(home, ingest, changed(sample(range(2, 6), per_window=5)), OHLCV)
    return home


def _active_is_clean(kb: KB) -> bool:
    """An ingest is about the collection in force; another one is its re-embedding's business."""
    active = kb.reconcile().before.filter("active")
    return not any(active.select("missing", "orphaned", "stale", "unfinished").sum().row(0))


@pytest.fixture(scope="module")
def case(
    start: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Case:
    operation: Callable[[KB], Any] = OPERATIONS[request.param]
    said = oracle.stored(start)
    reference = fresh(start, tmp_path_factory.mktemp(request.param) / "reference")
    with tkb.connect(reference, progress=False) as kb:
        seen = [answer(kb)]
        operation(kb)
        assert kb.reconcile().clean
        seen.append(answer(kb))
    whole, done = oracle.contents(reference), oracle.stored(reference)

    def wounded(home: Path) -> None:
        oracle.check_sound(home)
        assert oracle.stored(home) in (said, done)

    def healed(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            assert answer(kb) in seen
            kb.ingest()
            assert _active_is_clean(kb)
            operation(kb)
            assert kb.reconcile().clean
            assert answer(kb) == seen[-1]
        wounded(home)
        assert oracle.contents(home) == whole
        assert oracle.unfinished_runs(home) == []

    return Case(NAMES.get(request.param, request.param), start, operation, (), wounded, healed)


@pytest.mark.parametrize("case", OPERATIONS, indirect=True)
def test_a_change_killed_at_any_commit_is_whole_and_finished_by_the_next(
    case: Case, tmp_path: Path
) -> None:
    assert kill_everywhere(case, tmp_path) >= 3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", OPERATIONS, indirect=True)
def test_a_change_killed_at_random_moments_is_whole_and_finished_by_the_next(
    case: Case, tmp_path: Path, seed: int
) -> None:
    kills = RANDOM_KILLS.get(case.operation.__name__, FEW)
    kill_at_random(case, tmp_path, kills, seed)
