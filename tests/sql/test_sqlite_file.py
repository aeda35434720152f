"""A store that is removed, replaced or damaged while it is open is a named error, not a success."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import tradingkb as tkb
from tests.recommend.sweeps import grid
from tests.sql.descriptors import open_descriptors
from tradingkb.exceptions import DiskFullError, InvalidInputError, StoreDamagedError
from tradingkb.sql import open_engine, reading, writing
from tradingkb.sql import sqlite as plumbing


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "home"
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(grid(4))
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def kb(home: Path, filled: Path) -> Iterator[tkb.KnowledgeBase]:
    shutil.copytree(filled, home)
    with tkb.connect(home, progress=False) as kb:
        yield kb


def removed(db: Path) -> None:
    db.unlink()


def folder_removed(db: Path) -> None:
    shutil.rmtree(db.parent)


def replaced(db: Path) -> None:
    other = db.parent / "other"
    tkb.connect(other, progress=False).close()
    (other / "tradingkb.db").replace(db)


def overwritten(db: Path) -> None:
    with db.open("r+b") as file:
        file.write(os.urandom(db.stat().st_size))


def emptied(db: Path) -> None:
    with db.open("r+b") as file:
        file.truncate(0)


def log_removed(db: Path) -> None:
    db.with_name("tradingkb.db-wal").unlink()


HARM = [removed, folder_removed, replaced, overwritten, emptied, log_removed]


@pytest.mark.parametrize("harm", HARM, ids=lambda f: f.__name__)
def test_nothing_is_said_to_be_done_in_a_store_that_is_gone(
    kb: tkb.KnowledgeBase, home: Path, harm: Callable[[Path], None]
) -> None:
    harm(home / "tradingkb.db")
    for verb in (
        lambda: kb.reject(strategy_name="s", reason="a bug in the backtest"),
        lambda: kb.ingest(grid(5)),
        lambda: kb.recommend("s"),
        kb.trials,
        kb.events,
        lambda: kb.backup(home.parent / "backup"),
    ):
        with pytest.raises(StoreDamagedError, match="while it was open"):
            verb()
    assert not (home.parent / "backup").exists()


def test_a_file_that_is_put_back_is_the_store_again(kb: tkb.KnowledgeBase, home: Path) -> None:
    before, db = kb.trials().height, home / "tradingkb.db"
    db.rename(home / "away")
    with pytest.raises(StoreDamagedError, match="put the file back"):
        kb.trials()
    (home / "away").rename(db)
    assert kb.trials().height == before


def test_a_commit_into_a_file_that_was_removed_meanwhile_is_no_success(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    with pytest.raises(StoreDamagedError), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        (tmp_path / "x.db").unlink()
    engine.dispose()


def test_damage_in_the_middle_is_named_when_it_is_read(home: Path) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(grid(30))
    db = home / "tradingkb.db"
    with tkb.connect(home, progress=False) as kb:
        with db.open("r+b") as file:
            file.seek(8192)
            file.write(os.urandom(db.stat().st_size - 8192))
        with pytest.raises(StoreDamagedError, match=r"is damaged: .*SQLITE_(CORRUPT|NOTADB)"):
            kb.trials()


def test_damaged_text_is_named_by_whatever_reads_it(home: Path, tmp_path: Path) -> None:
    with tkb.connect(home, progress=False) as kb:
        kb.ingest(grid(4))
    with closing(sqlite3.connect(home / "tradingkb.db")) as connection:
        connection.execute("UPDATE trials SET engine = CAST(x'ff41' AS TEXT) WHERE id = 3")
        connection.commit()
    with tkb.connect(home, progress=False) as kb:
        for verb in (kb.trials, lambda: kb.backup(tmp_path / "backup")):
            with pytest.raises(StoreDamagedError, match="is no UTF-8; keep the file, restore"):
                verb()
    assert not (tmp_path / "backup").exists()


def test_an_engine_that_is_disposed_of_leaves_no_descriptor_of_its_file(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    assert open_descriptors(tmp_path / "x.db")
    engine.dispose()
    assert not open_descriptors(tmp_path / "x.db")


# --- no room --------------------------------------------------------------------------------------


def test_a_full_disk_never_reads_as_a_readonly_database_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that was opened while the disk was full is read without locks: why, is remembered."""
    path = tmp_path / "x.db"
    first = open_engine(f"sqlite:///{path}")
    with writing(first) as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    first.dispose()
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    set_up = plumbing._set_up

    def fails(connection: sqlite3.Connection) -> sqlite3.Connection:
        if "ro" in str(connection.execute("PRAGMA query_only").fetchone()):
            return set_up(connection)
        monkeypatch.setattr(plumbing, "_set_up", set_up)  # the one that reads is made after it
        raise full

    engine = open_engine(f"sqlite:///{path}")
    monkeypatch.setattr(plumbing, "_set_up", fails)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    monkeypatch.setattr(plumbing, "_set_up", fails)
    with pytest.raises(DiskFullError, match="free space"), writing(engine):
        pass
    with writing(engine) as connection:  # there is room again
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    engine.dispose()


# --- texts that no database holds -----------------------------------------------------------------


def test_half_a_surrogate_pair_is_an_error_of_the_input_in_every_verb(
    kb: tkb.KnowledgeBase,
) -> None:
    half = "\ud800"
    spec = tkb.StrategySpec(name=half, version="1", params=())
    for verb in (
        lambda: kb.recommend(half),
        lambda: kb.explain(half, {"fast": 1}),
        lambda: kb.reject(strategy_name="s", reason=half),
        lambda: kb.promote(strategy_name="s", actor=half),
        lambda: kb.promote(strategy_name="s", actor_type=half),
        lambda: kb.withdraw(half, reason="x"),
        lambda: kb.trials(symbol=half),
        lambda: kb.events(status=half),
        lambda: kb.strategy(half),
        lambda: kb.reembed(target_collection=half),
        lambda: kb.create_workspace("other", embed_model=half),
        lambda: kb.register_strategy(spec),
        lambda: kb.ingest(grid(4), mapping={"engine": tkb.const(half)}),
        lambda: kb.ingest([tkb.Trial(strategy_name=half, params={"p": 1}, sharpe_is=1.0)]),
        lambda: kb.seen([tkb.Trial(strategy_name=half, params={"p": 1}, sharpe_is=1.0)]),
    ):
        with pytest.raises(InvalidInputError, match=r"no Unicode text|can be stored|is no name"):
            verb()
    (told,) = kb.recommend_many(strategies=[half]).to_dicts()
    assert told["status"] == "error"
    assert "can be stored" in told["error"]
