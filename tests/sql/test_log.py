"""The log of a store is cut back: by itself it never shrinks while somebody has the store open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradingkb.sql import cut_log, open_engine, reading, writing
from tradingkb.sql import sqlite as plumbing

ROOM = 4 * 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
def engine(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setattr(plumbing, "LOG_LIMIT", ROOM)
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a BLOB)")
    yield engine
    engine.dispose()


def log_size(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.exists() else 0


def write(engine: sa.Engine, megabytes: int) -> None:
    with writing(engine) as connection:
        rows = [(bytes(1024 * 1024),)] * megabytes
        connection.exec_driver_sql("INSERT INTO t VALUES (?)", rows)


def test_a_large_write_leaves_no_large_log(engine: sa.Engine, path: Path) -> None:
    write(engine, 16)
    assert log_size(path) == 0


def test_a_small_write_is_not_followed_by_a_checkpoint(engine: sa.Engine, path: Path) -> None:
    write(engine, 1)
    assert log_size(path) > 1024 * 1024


def test_a_reader_keeps_what_it_reads_and_the_next_write_cuts_the_log(
    engine: sa.Engine, path: Path
) -> None:
    """Nobody waits for the reader meanwhile."""
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
        write(engine, 16)
        assert log_size(path) > ROOM
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    write(engine, 1)
    assert log_size(path) <= ROOM
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 17


def test_a_store_that_is_closed_leaves_a_short_log_to_others(engine: sa.Engine, path: Path) -> None:
    other = open_engine(f"sqlite:///{path}")
    with reading(other):
        pass
    write(engine, 2)
    assert log_size(path) > 2 * 1024 * 1024
    cut_log(engine)
    assert log_size(path) == 0
    other.dispose()


def test_patience_is_what_it_was_after_a_cut(engine: sa.Engine) -> None:
    write(engine, 8)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
