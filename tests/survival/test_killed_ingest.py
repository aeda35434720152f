"""An ingest that is killed anywhere loses nothing, doubles nothing, and is finished by the next."""

from __future__ import annotations

from pathlib import Path

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import SEEDS, Case, fresh, kill_at_random, kill_everywhere
from tests.survival.workload import OHLCV, answer, changed, do, ingest, sample

#: Kills per case and seed; those at every commit come on top.
RANDOM_KILLS = 8


def _cold(home: Path) -> tuple[object, ...]:
    return (sample(range(4)), OHLCV)


def _changed(home: Path) -> tuple[object, ...]:
    do(home, ingest, sample(range(4)), OHLCV)
    return (changed(sample(range(4), per_window=14)), OHLCV)


def _few(home: Path) -> tuple[object, ...]:
    """So few rows that all of their trials are written at once."""
    do(home, ingest, sample(range(4)), OHLCV)
    return (changed(sample(range(4), per_window=9)), OHLCV)


def _refit(home: Path) -> tuple[object, ...]:
    """Windows that double their number: stored trials are embedded anew by another scaler."""
    do(home, ingest, sample(range(2)), OHLCV)
    return (sample(range(2, 5), per_window=5), OHLCV)


def _measured(home: Path) -> tuple[object, ...]:
    """Prices for a window that trials of another file have, too: these are embedded with it."""
    do(home, ingest, sample(range(4)), OHLCV)
    do(home, ingest, sample([4], per_window=48), None)
    return (sample([4], per_window=48).filter(strategy_name="sma_cross"), OHLCV)


CASES = {
    "cold": _cold,
    "changed": _changed,
    "few": _few,
    "refit": _refit,
    "measured": _measured,
}
#: Lease, trials, vectors, entries, the run's end with that of the lease.
LEAST_COMMITS_OF_FEW = 5
LEAST_COMMITS = 9


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    start, reference = folder / "start", folder / "reference"
    arguments = CASES[request.param](start)
    before, said = oracle.stored(start), oracle.sent(arguments[0])
    with tkb.connect(fresh(start, reference), progress=False) as kb:
        ingest(kb, *arguments)
        expected, whole = answer(kb), oracle.contents(reference)
        again = ingest(kb, *arguments)
    # Whatever is skipped here is skipped in every store with the same contents.
    assert again["skipped"] == sum(again.values())
    assert oracle.contents(reference) == whole

    def wounded(home: Path) -> None:
        oracle.check_sound(home)
        oracle.check_every_value_was_sent(home, before, said)

    def healed(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            ingest(kb, *arguments)
            assert kb.reconcile().clean
            assert answer(kb) == expected
        oracle.check_sound(home)
        oracle.check_points(home)
        assert oracle.stored(home) == {**before, **said}
        assert oracle.contents(home) == whole

    return Case("ingest", start, ingest, arguments, wounded, healed)


def test_an_ingest_killed_at_any_commit_is_finished_by_the_next(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    few = request.node.callspec.params["case"] == "few"
    least = LEAST_COMMITS_OF_FEW if few else LEAST_COMMITS
    assert kill_everywhere(case, tmp_path) >= least


@pytest.mark.parametrize("seed", SEEDS)
def test_an_ingest_killed_at_random_moments_is_finished_by_the_next(
    case: Case, tmp_path: Path, seed: int
) -> None:
    kill_at_random(case, tmp_path, RANDOM_KILLS, seed)
