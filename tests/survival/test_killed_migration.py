"""A store of the previous schema is upgraded whole or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.survival import oracle
from tests.survival.campaign import SEEDS, Case, fresh, kill_at_random, kill_everywhere
from tests.survival.faults import KilledAtWrite
from tests.survival.workload import answer, nothing

#: Kills per seed; those at every statement come on top.
RANDOM_KILLS = 32
FIXTURE = Path(__file__).resolve().parents[1] / "stores" / "fixtures" / "store_0001.db.gz"
TABLES = (
    "workspaces",
    "strategy_specs",
    "windows",
    "param_sets",
    "trials",
    "kb_trial_index",
    "kb_status_history",
    "regime_scalers",
    "ingest_runs",
    "recommend_events",
    "kb_vectors",
)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("migration")
    start = folder / "start"
    start.mkdir()
    (start / "tradingkb.db").write_bytes(gzip.decompress(FIXTURE.read_bytes()))
    rows = {table: oracle.select(start, f"SELECT * FROM {table}") for table in TABLES}
    old = _schema(start)
    reference = fresh(start, folder / "reference")
    with tkb.connect(reference, progress=False) as kb:
        expected = answer(kb)
    new = _schema(reference)

    def wounded(home: Path) -> None:
        oracle.check_sound(home)
        assert _schema(home) in (old, new)
        for table in TABLES:
            columns = ", ".join(rows[table][0])
            assert oracle.select(home, f"SELECT {columns} FROM {table}") == rows[table]

    def healed(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            wounded(home)
            assert _schema(home) == new
            assert answer(kb) == expected
            # The payload of that release's points is of another definition: written again, once.
            first, again = kb.ingest().counts(), kb.ingest().counts()
            assert first["updated"] == sum(first.values()) > 0
            assert again["skipped"] == sum(again.values()) == sum(first.values())
            assert kb.reconcile().clean

    return Case("migration", start, nothing, (), wounded, healed)


def _schema(home: Path) -> list[tuple[str, str]]:
    rows = oracle.select(home, "SELECT name, sql FROM sqlite_master ORDER BY name")
    revision = oracle.select(home, "SELECT version_num FROM tradingkb_revision")
    return [("", revision[0]["version_num"]), *((row["name"], row["sql"]) for row in rows)]


def test_an_upgrade_killed_at_any_statement_happens_whole_or_not_at_all(
    case: Case, tmp_path: Path
) -> None:
    assert kill_everywhere(case, tmp_path, at=KilledAtWrite) >= 10


def test_an_upgrade_killed_at_its_commit_has_not_happened(case: Case, tmp_path: Path) -> None:
    assert kill_everywhere(case, tmp_path) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_an_upgrade_killed_at_random_moments_happens_whole_or_not_at_all(
    case: Case, tmp_path: Path, seed: int
) -> None:
    kill_at_random(case, tmp_path, RANDOM_KILLS, seed)
