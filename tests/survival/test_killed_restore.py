"""A restore happens whole or not at all, and the next one finishes the index."""

from __future__ import annotations

from pathlib import Path

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import SEEDS, Case, fresh, kill_at_random, kill_everywhere
from tests.survival.workload import OHLCV, answer, changed, do, ingest, sample

#: Kills per seed; those at every commit come on top.
RANDOM_KILLS = 8


def restore(kb: tkb.KnowledgeBase, path: Path) -> int:
    return kb.restore(path, replace=True).rows["trials"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A store that holds other trials, and others' results, than the backup."""
    folder = tmp_path_factory.mktemp("restore")
    kept, start = folder / "kept", folder / "start"
    do(kept, ingest, changed(sample(range(4))), OHLCV)
    path = folder / "kept.tkb"
    with tkb.connect(kept, progress=False) as kb:
        kb.reject(strategy_name="macd_trend", reason="a bug", actor="me")
        kb.backup(path)
    do(start, ingest, sample(range(2, 6), per_window=5), OHLCV)
    said, backed = oracle.stored(start), oracle.stored(kept)
    reference = fresh(start, folder / "reference")
    do(reference, restore, path)
    whole = oracle.contents(reference)
    with tkb.connect(reference, progress=False) as kb:
        expected = answer(kb)

    def wounded(home: Path) -> None:
        oracle.check_sound(home)
        assert oracle.stored(home) in (said, backed)

    def healed(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            assert restore(kb, path) == len(backed)
            assert kb.reconcile().clean
            assert answer(kb) == expected
        wounded(home)
        assert oracle.stored(home) == backed
        assert oracle.contents(home) == whole

    return Case("restore", start, restore, (path,), wounded, healed)


def test_a_restore_killed_at_any_commit_is_whole_and_finished_by_the_next(
    case: Case, tmp_path: Path
) -> None:
    assert kill_everywhere(case, tmp_path) >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restore_killed_at_random_moments_happens_whole_or_not_at_all(
    case: Case, tmp_path: Path, seed: int
) -> None:
    kill_at_random(case, tmp_path, RANDOM_KILLS, seed)
