"""A quick run from beginning to end: every row is there, and no figure is impossible."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.forked_children import Fork
from tradingkb.bench import __main__ as program
from tradingkb.bench import processes
from tradingkb.bench.rows import Findings, Row
from tradingkb.bench.sections import SECTIONS
from tradingkb.bench.sizes import QUICK
from tradingkb.bench.stores import Stores
from tradingkb.testing import RedisProcess

#: Of the suite: less than what `--quick` measures, and nothing twice.
TINY = replace(
    QUICK,
    small=1_000,
    large=2_000,
    asked=50,
    events=1_000,
    points=500,
    rounds=1,
    slow_calls=1,
    calls=3,
    windows=60,
    columns=40,
    phase_s=0.1,
)
#: (section, what is compared) of every row, in their order.
ROWS = [
    ("ingest", "sqlite3 executemany of the same rows"),
    ("ingest", "sqlite3, trials alone, no index"),
    ("ingest", "sqlite3 executemany of the same rows"),
    ("ingest", "sqlite3, trials alone, no index"),
    ("ingest", "the limit"),
    ("ingest", f"{TINY.small:,} trials"),
    ("reingest", "read_parquet and SHA-256 of each row"),
    ("reingest", "read_parquet and SHA-256 of each row"),
    ("retrieval", "NumPy on arrays of the partition"),
    ("retrieval", "NumPy on arrays of the partition"),
    ("retrieval", "qdrant-client, local mode"),
    ("retrieval", "Optuna RDB storage (SQLite)"),
    ("recommend", "the retrieval of the same question"),
    ("recommend", "the retrieval of the same question"),
    ("recommend", f"{TINY.small:,} trials, the same of the strategy"),
    ("recommend", "the call after it"),
    *[("trials", "the limit")] * 7,
    *[("events", "the limit")] * 6,
    *[("dashboard", "its queries")] * 2,
    ("imports", "import polars"),
    ("imports", "import polars"),
    ("small", "the limit"),
    ("small", "200 trials on 6 windows"),
    ("small", "200 trials on 6 windows"),
    ("small", "200 trials on 6 windows"),
    ("small", "20 parameters"),
    ("readers", "the same readers, nobody ingests"),
    ("readers", "the same readers, nobody ingests"),
    ("readers", "the same readers, nobody ingests"),
    ("readers", "the same readers, nobody ingests"),
    ("readers", "all answers"),
    *[("service", "the same call in a process")] * 9,
    ("limits", "in memory" if RedisProcess.is_installed() else "redis-server"),
    *([("postgresql", "SQLite")] * 4),
]


@pytest.fixture(scope="module")
def results() -> Iterator[list[Findings]]:
    """Of its processes the first is started as users start it, and the others are forked."""
    kinds = chain([subprocess.Popen], repeat(Fork))

    def start(command: list[str], **streams: Any) -> Any:
        return next(kinds)(command, **streams)

    with pytest.MonkeyPatch.context() as patch:
        named = {name: getattr(subprocess, name) for name in ("PIPE", "TimeoutExpired")}
        patch.setattr(processes, "subprocess", SimpleNamespace(Popen=start, **named))
        yield program.measure(TINY)
    assert next(kinds) is Fork, "no process was started"


@pytest.fixture(scope="module")
def rows(results: list[Findings]) -> list[Row]:
    return [row for found in results for row in found.rows]


def test_every_row_appears(rows):
    found = [(row.section, row.against.removesuffix(" is **not installed**")) for row in rows]
    assert found == ROWS


def test_only_a_peer_that_is_not_installed_is_left_out(rows):
    left_out = {row.against.split()[0] for row in rows if not row.measured}
    optuna, redis = find_spec("optuna") is not None, RedisProcess.is_installed()
    assert left_out == {*(() if optuna else ("Optuna",)), *(() if redis else ("redis-server",))}


def test_every_figure_is_finite_and_no_time_is_zero(rows):
    for row in rows:
        assert all(math.isfinite(ratio) for ratio in row.ratios), row
        if row.unit != "answers":
            assert min((*row.ours, *row.peer, 1.0)) > 0, row


def test_the_rows_with_a_stated_limit_are_those_of_the_issue(rows):
    assert [(row.section, row.limit) for row in rows if row.limit is not None] == [
        ("ingest", 4.0),
        ("ingest", 4.0),
        ("ingest", 1.0),
        ("ingest", 1.25),
        ("reingest", 3.0),
        ("reingest", 3.0),
        ("retrieval", 3.0),
        ("retrieval", 3.0),
        ("recommend", 10.0),
        ("recommend", 10.0),
        ("recommend", 1.25),
        *[("trials", 1.0)] * 7,
        *[("events", 1.0)] * 6,
        *[("dashboard", 2.0)] * 2,
        ("imports", 1.5),
        ("imports", 2.0),
        ("small", 1.0),
        ("small", 1.0),
        ("small", 1.0),
        ("small", 1.25),
        ("readers", 3.0),
        ("readers", 3.0),
        ("readers", 0.0),
        *[("service", 1.3)] * 3,
    ]


def test_one_new_row_keeps_its_limits(rows):
    small = [row for row in rows if row.section == "small"]
    assert [(row.unit, row.ratio <= 1.0) for row in small[:3]] == [
        ("transactions", True),
        ("statements", True),
        ("rows read", True),
    ]


def test_readers_meet_no_error_while_a_writer_ingests(rows):
    failed = next(row for row in rows if row.against == "all answers")
    assert failed.ours == (0.0,)
    assert failed.peer[0] > 0


def test_the_raw_insertion_is_of_the_rows_that_the_ingest_stored(results):
    note = results[0].notes[0]
    for table in ("trials", "kb_vectors", "kb_trial_index"):
        assert f"{table} {TINY.large:,}" in note


def test_the_steps_of_a_recommendation_are_told(results):
    assert "load " in results[3].notes[0]
    assert ", total " in results[3].notes[0]


def test_the_sections_may_be_chosen_by_name(monkeypatch, capsys, tmp_path):
    ran: list[str] = []

    def section(name: str):
        def run(stores: Stores) -> Findings:
            ran.append(name)
            return Findings([Row(name, "what", "peer", "s", (1.0,), (2.0,), 1.0)])

        return run

    for name in SECTIONS:
        monkeypatch.setitem(SECTIONS, name, section(name))
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:begin -->\n<!-- bench:end -->\n", encoding="utf-8")
    assert program.main(["--quick", "--only", "retrieval,ingest", "--write", str(page)]) == 0
    assert ran == ["ingest", "retrieval"]
    printed = capsys.readouterr().out.strip()
    assert printed in page.read_text(encoding="utf-8")
    for fact in ("machine", "system", "libraries", "date", "load"):
        assert f"- {fact}: " in printed


def test_without_write_no_file_is_touched(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "measure", lambda sizes, only: [Findings([])])
    assert program.main(["--quick"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_section_is_refused_with_those_that_exist(capsys):
    with pytest.raises(SystemExit):
        program.main(["--only", "speed"])
    assert "no section speed; there are ingest, reingest" in capsys.readouterr().err
