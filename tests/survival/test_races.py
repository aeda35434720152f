"""Many processes on one store: nobody waits for a batch run, nothing is lost, nobody is refused."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import SEEDS, fresh
from tests.survival.faults import PausedAtCommit
from tests.survival.victim import Victim
from tests.survival.workload import OHLCV, STRATEGIES, answer, changed, do, ingest, sample

KB = tkb.KnowledgeBase
#: Between the questions of a reader: without a pause, those who write get no processor.
PACE_S = 0.1


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("races") / "small"
    do(home, ingest, sample(range(3)), OHLCV)
    return home


@pytest.fixture
def home(small: Path, tmp_path: Path) -> Path:
    return fresh(small, tmp_path / "home")


def ingest_parts(kb: KB, parts: list[pl.DataFrame]) -> int:
    """One ingest after the other; how many trials were new."""
    return sum(ingest(kb, part, OHLCV)["inserted"] for part in parts)


def curate(kb: KB, name: str, mine: list[str], shared: list[str], seed: int) -> dict[str, Any]:
    """Rejects trials for good, and moves others to and fro, while somebody else does so, too."""
    draw, moves, rejected = random.Random(seed), 0, {}
    for trial in mine:
        moves += kb.reject([trial], reason="wrong", actor=name).changed
        rejected[trial] = time.monotonic()
        assert trial not in nominated(kb)
        chosen = draw.sample(shared, 3)
        move = draw.choice([kb.reject, kb.promote])
        moves += move(chosen, reason="in doubt", actor=name).changed
    return {"moves": moves, "rejected": rejected}


def nominated(kb: KB) -> set[str]:
    """The trials that stand behind what is recommended."""
    answers = [kb.recommend(s, symbol="GOOG", regime=["uptrend"]) for s in STRATEGIES]
    assert all(a.status in ("ok", "degraded") for a in answers)
    return {trial for a in answers for trial in a.trials["source_id"]}


def ask(kb: KB, until: Path) -> list[tuple[float, set[str]]]:
    """Asks until a file appears: when it asked, and the trials that were named."""
    found = []
    while not until.exists():
        began = time.monotonic()
        found.append((began, nominated(kb)))
        time.sleep(PACE_S)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_eight_processes_lose_no_change_and_no_answer(
    home: Path, tmp_path: Path, seed: int
) -> None:
    start = sample(range(3))
    good = start.filter(pl.col("kb_status") != "rejected")["source_id"].to_list()
    random.Random(seed).shuffle(good)
    files = [sample([3, 4, 5], per_window=4), sample([4, 5, 6], per_window=4)]
    parts = [file.partition_by("oos_start", maintain_order=True) for file in files]
    until = tmp_path / "enough"
    readers = [Victim(home, ask, until) for _ in range(4)]
    ingesters = [Victim(home, ingest_parts, p) for p in parts]
    curators = [
        Victim(home, curate, name, good[5 * i : 5 * i + 5], good[10:18], seed + i)
        for i, name in enumerate(("ann", "bob"))
    ]
    inserted = [v.outcome().succeeded() for v in ingesters]
    curated = [v.outcome().succeeded() for v in curators]
    until.touch()
    asked = [question for v in readers for question in v.outcome().succeeded()]

    both = pl.concat(files).unique("source_id")
    assert sum(inserted) == both.filter(pl.col("kb_status") != "rejected").height
    assert oracle.stored(home) == {**oracle.sent(start), **oracle.sent(both)}
    oracle.check_sound(home)
    by = Counter(row["actor"] for row in oracle.select(home, "SELECT actor FROM kb_status_history"))
    assert [by["ann"], by["bob"]] == [c["moves"] for c in curated]
    gone = {trial: at for c in curated for trial, at in c["rejected"].items()}
    assert len(gone) == 10
    assert asked
    for began, named in asked:
        assert not {trial for trial in named if gone.get(trial, began) < began}
    with tkb.connect(home, progress=False) as kb:
        kb.ingest()
        assert kb.reconcile().clean
    oracle.check_points(home)
    assert oracle.unfinished_runs(home) == []


@pytest.mark.parametrize("commit", [1, 4, 8, 11])
def test_readers_do_not_wait_for_a_batch_run(home: Path, commit: int) -> None:
    """They are answered, from before it, while it stands still with a transaction open."""
    with tkb.connect(home, progress=False) as kb:
        before = answer(kb)
    writer = Victim(home, ingest, changed(sample(range(5))), OHLCV, faults=[PausedAtCommit(commit)])
    writer.paused()
    with tkb.connect(home, progress=False) as kb:
        assert kb.recommend("sma_cross", symbol="GOOG").status in ("ok", "degraded")
        assert kb.trials().height >= 48
        if commit == 1:
            assert answer(kb) == before
        assert kb.strategies().height == 2
        assert kb.runs().height >= 1
    writer.go_on()
    assert writer.outcome().succeeded()["error"] == 0


def test_two_ingests_of_one_file_at_once_say_together_that_each_trial_is_new(home: Path) -> None:
    file = sample([3, 4])
    first = Victim(home, ingest, file, OHLCV, faults=[PausedAtCommit(5)])
    first.paused()
    second = Victim(home, ingest, file, OHLCV)
    first.go_on()
    counts = [v.outcome().succeeded() for v in (first, second)]
    eligible = file.filter(pl.col("kb_status") != "rejected").height
    assert sorted(c["inserted"] for c in counts) == [0, eligible]
    assert sorted(c["skipped"] for c in counts) == [0, eligible]
    oracle.check_points(home)
