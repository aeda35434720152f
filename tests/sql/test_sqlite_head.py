"""Nothing that this process does to a store's file ends the locks of its own connections to it.

POSIX ends them when any descriptor of the file is closed. Another process that then opens and
closes the store removes its log, and with it what is committed afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

import tradingkb as tkb
from tests.recommend.sweeps import grid
from tests.sql.descriptors import open_descriptors
from tradingkb.exceptions import TradingKBError
from tradingkb.sql import open_engine, reading, writing
from tradingkb.sql.sqlite_head import Head, first_bytes

_COUNT = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
    "print(c.execute('SELECT count(*) FROM ' + sys.argv[2]).fetchone()[0]); c.close()"
)


_WRITE = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n"
    "try: c.execute('BEGIN IMMEDIATE'); print(True)\n"
    "except sqlite3.OperationalError: print(False)"
)


def is_writable_elsewhere(path: Path) -> bool:
    command = [sys.executable, "-c", _WRITE, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"


def counted_elsewhere(path: Path, table: str) -> int:
    """What another process reads, which is the last to close the store unless this one locks it."""
    command = [sys.executable, "-c", _COUNT, str(path), table]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    yield engine
    engine.dispose()


def other_engine(engine: sa.Engine, path: Path) -> None:
    other = open_engine(engine.url)
    with reading(other) as connection:
        connection.exec_driver_sql("SELECT * FROM t")
    other.dispose()


def other_head(engine: sa.Engine, path: Path) -> None:
    Head(path).close()


HARMLESS: list[Callable[[sa.Engine, Path], object]] = [
    lambda engine, path: engine.dispose(),
    other_engine,
    other_head,
    lambda engine, path: first_bytes(path, 16),
    lambda engine, path: first_bytes(path.with_name("x.db-wal"), 16),
    lambda engine, path: first_bytes(path.with_name("x.db-shm"), 16),
]


@pytest.mark.parametrize("step", HARMLESS)
def test_what_is_committed_after_it_is_there(
    engine: sa.Engine, path: Path, step: Callable[[sa.Engine, Path], object]
) -> None:
    with writing(engine) as connection:  # outlives the engine, as a job outlives a shutdown
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        step(engine, path)
        assert not is_writable_elsewhere(path)
        assert counted_elsewhere(path, "t") == 0
    assert is_writable_elsewhere(path)
    assert counted_elsewhere(path, "t") == 1


def restored_from(kb: tkb.KnowledgeBase, path: Path) -> None:
    kb.restore(path, replace=True)


def backed_up_over(kb: tkb.KnowledgeBase, path: Path) -> None:
    with suppress(TradingKBError):
        kb.backup(path, replace=True)


@pytest.mark.parametrize("verb", [restored_from, backed_up_over])
@pytest.mark.parametrize("name", ["tradingkb.db", "tradingkb.db-wal", "tradingkb.db-shm"])
def test_another_store_that_is_given_the_file_of_an_open_one_leaves_it_its_locks(
    tmp_path: Path, verb: Callable[[tkb.KnowledgeBase, Path], None], name: str
) -> None:
    home = tmp_path / "home"
    with (
        tkb.connect(home, progress=False) as kb,
        tkb.connect(tmp_path / "other", progress=False) as other,
    ):
        kb.ingest(grid(2))
        with suppress(TradingKBError):
            verb(other, home / name)
        assert counted_elsewhere(home / "tradingkb.db", "trials") == kb.trials().height
        kb.ingest(grid(3))
        assert counted_elsewhere(home / "tradingkb.db", "trials") == kb.trials().height


def test_the_first_bytes_of_any_file_are_read_and_no_descriptor_is_left(tmp_path: Path) -> None:
    for content in (b"", b"abc", os.urandom(300)):
        file = tmp_path / "a file % of ? any # name"
        file.write_bytes(content)
        assert first_bytes(file, 100) == content[:100]
        with file.open("ab"):  # open for writing only
            assert first_bytes(file, 100) == content[:100]
        assert open_descriptors(file) == []
        assert [p.name for p in tmp_path.iterdir()] == [file.name]
    with pytest.raises(FileNotFoundError):
        first_bytes(tmp_path / "none", 100)


def test_a_head_reads_what_is_in_the_file_now_until_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    head = Head(tmp_path / "a")
    assert head.read(16) == b"first"
    (tmp_path / "a").write_bytes(b"then")
    assert head.read(16) == b"then"
    (tmp_path / "a").unlink()
    assert head.read(16) == b"then"
    head.close()
    assert head.read(16) is None
