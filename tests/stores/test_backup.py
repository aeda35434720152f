"""A backup is one consistent file for either database, and a restore is all or nothing."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.elsewhere import printed
from tradingkb.exceptions import ConfigurationError, InvalidBackupError, InvalidInputError
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.stores.migrate import VERSION_TABLE
from tradingkb.stores.transfer import TABLES
from tradingkb.testing.sample_points import DIMENSION, EAST, EVERYTHING, points, uid
from tradingkb.testing.stored import NOON, WORKSPACE, trial_frame
from tradingkb.testing.trial_store_backup import everything, fill_every_table, no_progress
from tradingkb.vectors.embedded import EmbeddedVectorIndex

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests/stores/fixtures/store_0001.db.gz"
JSON_COLUMNS = {c.name for t in TABLES for c in t.columns if isinstance(c.type, sa.JSON)}

Open = Callable[[str], SqlTrialStore]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, with_tables: Callable[[str], str]) -> str:
    return with_tables(request.param)


@pytest.fixture
def open_store(sqlite_schema: Path) -> Iterator[Open]:
    """Opens stores; of a new file with the tables of a copy."""
    opened = []

    def call(url: str) -> SqlTrialStore:
        file = sa.make_url(url).database or ""
        if url.startswith("sqlite") and not Path(file).exists():
            shutil.copy(sqlite_schema, file)
        opened.append(SqlTrialStore(open_engine(url)))
        return opened[-1]

    yield call
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open, url: str) -> SqlTrialStore:
    """A store of either kind with rows in every table."""
    store = open_store(url)
    fill_every_table(store)
    return store


@pytest.fixture
def backup(store: SqlTrialStore, tmp_path: Path) -> Path:
    return write(store, tmp_path / "backup")


def write(store: SqlTrialStore, path: Path, **options: Any) -> Path:
    options = {"replace": False, "progress": no_progress, **options}
    store.write_backup(path, NOON, **options)
    return path


def restore(store: SqlTrialStore, path: Path, **options: Any) -> Any:
    options = {"replace": True, "progress": no_progress, **options}
    return store.restore_backup(path, **options)


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of a backup; generations and hashes of the index move with each restore."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = {
            t.name: [dict(row) for row in connection.execute(f"SELECT * FROM {t.name} ORDER BY 1")]
            for t in TABLES
        }
    for row in tables["partition_generations"]:
        for name in ("generation", "added_since", "added_until"):
            del row[name]
    for row in tables["kb_trial_index"]:
        del row["content_hash"]
    for rows in tables.values():
        for row in rows:
            row.update({c: json.loads(row[c]) for c in JSON_COLUMNS & set(row) if row[c]})
    return tables


def in_another_process(code: str, *arguments: str, exitcode: int = 0) -> str:
    """Runs Python with a store at the URL that comes first: what it printed."""
    start = """
import sys, os, signal, resource
from pathlib import Path
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.stored import NOON, WORKSPACE, trial_frame
store = SqlTrialStore(open_engine(sys.argv[1]))
"""
    return printed(start + code, *arguments, exitcode=exitcode)


# --- the same file for both databases -------------------------------------------------------------


def test_a_store_moves_to_postgresql_and_back_without_losing_a_bit(
    open_store: Open, with_tables: Callable[[str], str], tmp_path: Path
) -> None:
    first, server, last = (
        open_store(u)
        for u in (
            f"sqlite:///{tmp_path / 'a.db'}",
            with_tables("postgresql"),
            f"sqlite:///{tmp_path / 'b.db'}",
        )
    )
    fill_every_table(first)
    restore(server, write(first, tmp_path / "1"), replace=False)
    restore(last, write(server, tmp_path / "2"), replace=False)
    write(last, tmp_path / "3")
    assert rows_of(tmp_path / "1") == rows_of(tmp_path / "2") == rows_of(tmp_path / "3")
    assert everything(first) == everything(server) == everything(last)


def test_a_store_of_the_previous_schema_restores(
    open_store: Open, url: str, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    before = old.read_bytes()
    told = restore(open_store(url), old, replace=False)
    assert (told.contents.schema, told.contents.rows["trials"]) == ("0001", 312)
    assert open_store(url).row_counts() == told.contents.rows
    assert old.read_bytes() == before


def test_the_file_of_a_store_in_use_restores_with_what_was_committed_last(
    open_store: Open, tmp_path: Path
) -> None:
    used = open_store(f"sqlite:///{tmp_path / 'used.db'}")
    fill_every_table(used)
    new = open_store(f"sqlite:///{tmp_path / 'new.db'}")
    restore(new, tmp_path / "used.db", replace=False)
    assert everything(new) == everything(used)


def test_a_backup_that_was_used_as_a_store_restores_as_it_is_now(
    open_store: Open, tmp_path: Path
) -> None:
    first = open_store(f"sqlite:///{tmp_path / 'first.db'}")
    fill_every_table(first)
    used = open_store(f"sqlite:///{write(first, tmp_path / 'used.db')}")
    used.write_trials(WORKSPACE, trial_frame(used, {"source_id": "later"}))
    restore(first, tmp_path / "used.db")
    assert first.row_counts()["trials"] == 4


def test_new_rows_of_postgresql_get_numbers_that_neither_content_has_used(
    open_store: Open, with_tables: Callable[[str], str], tmp_path: Path
) -> None:
    store = open_store(with_tables("postgresql"))
    fill_every_table(store)
    write(store, tmp_path / "backup")
    store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "gone"}))
    used = store.identities(WORKSPACE)["trial_id"].max()
    restore(store, tmp_path / "backup")
    store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "new"}))
    assert store.identities(WORKSPACE)["trial_id"].max() > used


# --- others at work -------------------------------------------------------------------------------


def test_a_backup_is_one_moment_and_keeps_no_writer_waiting(
    store: SqlTrialStore, url: str, tmp_path: Path
) -> None:
    """The other process writes windows, trials, versions and events between two tables."""
    code = """
store.write_trials(WORKSPACE, trial_frame(store, {"source_id": sys.argv[2]},
                                          {"source_id": "plain", "run_id": sys.argv[2]}))
"""
    before, written = everything(store), []

    def between(*_: object) -> None:
        if not written:
            written.append(in_another_process(code, url, "late"))

    write(store, tmp_path / "backup", progress=between)
    assert store.row_counts()["trials"] == before[0]["trials"] + 1
    restore(store, tmp_path / "backup")
    assert everything(store) == before


def test_readers_see_the_old_content_until_the_new_one_is_complete(
    store: SqlTrialStore, open_store: Open, url: str, backup: Path
) -> None:
    reader = open_store(url)
    store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "later"}))
    old, seen = everything(reader), []
    restore(store, backup, progress=lambda *_: seen.append(everything(reader)))
    assert len(seen) > 5
    assert all(content == old for content in seen)
    assert everything(reader) != old


KILLED = "progress = lambda what, done, total: done > 8 and os.kill(os.getpid(), signal.SIGKILL)\n"


def test_a_killed_restore_leaves_the_old_content(
    store: SqlTrialStore, url: str, backup: Path
) -> None:
    store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "later"}))
    before = everything(store)
    code = KILLED + "store.restore_backup(Path(sys.argv[2]), replace=True, progress=progress)"
    in_another_process(code, url, str(backup), exitcode=-signal.SIGKILL)
    assert everything(store) == before
    restore(store, backup)
    assert everything(store) != before


def test_a_killed_backup_leaves_the_file_of_that_name_as_it_was(
    store: SqlTrialStore, url: str, backup: Path
) -> None:
    before = backup.read_bytes()
    code = KILLED + "store.write_backup(Path(sys.argv[2]), NOON, replace=True, progress=progress)"
    in_another_process(code, url, str(backup), exitcode=-signal.SIGKILL)
    assert backup.read_bytes() == before
    assert [p.suffix for p in backup.parent.glob(".*")] == [".partial"]
    write(store, backup.with_name("another"))
    assert list(backup.parent.glob(".*")) == []


def test_caches_of_embedded_vectors_notice_a_restore(open_store: Open, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'kb.db'}")
    fill_every_table(store)
    write(store, tmp_path / "backup")
    other = open_store(f"sqlite:///{tmp_path / 'kb.db'}")
    index, late = (EmbeddedVectorIndex(s.engine) for s in (store, other))
    index.ensure_collection("kb", DIMENSION)
    index.upsert("kb", points(("old", EAST, {})))
    assert [hit.point_id for hit in late.nearest_windows("kb", EAST, EVERYTHING, 5)] == [uid("old")]
    restore(store, tmp_path / "backup")
    index.upsert("kb", points(("new", EAST, {})))
    assert [hit.point_id for hit in late.nearest_windows("kb", EAST, EVERYTHING, 5)] == [uid("new")]


# --- files that cannot be -------------------------------------------------------------------------

NO_ROOM = """
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    ACTION
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def large(open_store: Open, tmp_path: Path) -> SqlTrialStore:
    """A store whose trials alone need more than two megabytes."""
    store = open_store(f"sqlite:///{tmp_path / 'large.db'}")
    fill_every_table(store)
    rows = [{"source_id": f"{n:0200}"} for n in range(5_000)]
    store.write_trials(WORKSPACE, trial_frame(store, *rows))
    return store


@pytest.mark.parametrize("room", ["1000", "500000"], ids=["for nothing", "for half of it"])
def test_a_backup_for_which_there_is_no_room_says_so_and_leaves_nothing(
    large: SqlTrialStore, tmp_path: Path, room: str
) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    action = "store.write_backup(Path(sys.argv[2]), NOON, replace=False, progress=lambda *_: 0)"
    code, url = NO_ROOM.replace("ACTION", action), str(large.engine.url)
    said = in_another_process(code, url, str(folder / "b"), room)
    assert said.startswith("DiskFullError the backup"), said
    assert "cannot be written" in said
    assert "free space" in said
    assert list(folder.iterdir()) == []


def test_a_restore_for_which_there_is_no_room_says_so_and_changes_nothing(
    large: SqlTrialStore, open_store: Open, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'kb.db'}"
    store = open_store(url)
    fill_every_table(store)
    write(large, tmp_path / "backup")
    before = everything(store)
    action = "store.restore_backup(Path(sys.argv[2]), replace=True, progress=lambda *_: 0)"
    code = NO_ROOM.replace("ACTION", action)
    said = in_another_process(code, url, str(tmp_path / "backup"), "1000000")
    assert said.startswith("DiskFullError the store"), said
    assert "free space" in said
    assert everything(store) == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none/backup", "does not exist"),
        (".", "is a folder"),
        ("kb.db", "this very store"),
        ("other.db", "database in use"),
    ],
)
def test_a_place_where_no_backup_can_be_is_refused_with_the_remedy(
    open_store: Open, tmp_path: Path, name: str, says: str
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'kb.db'}")
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    fill_every_table(other)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidInputError, match=says):
        write(store, tmp_path / name, replace=True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_the_operators_to_change(
    store: SqlTrialStore, tmp_path: Path
) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs a folder that not even root can write to")
    with pytest.raises(ConfigurationError, match=r"cannot be written: .*permissions"):
        write(store, Path("/proc/self/backup"))


def test_a_file_system_that_is_mounted_to_be_read_is_the_operators_to_change(
    store: SqlTrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs a folder that not even root can write to")

    def refuse(path: Path, missing_ok: bool = False) -> None:  # even of a file that is not there
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ConfigurationError, match=r"cannot be written: .*permissions"):
        write(store, Path("/proc/self/backup"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE tradingkb_backup SET value = 'nonsense'", "table of contents cannot be read"),
        ("DELETE FROM tradingkb_backup", "table of contents cannot be read"),
        ("UPDATE tradingkb_backup SET value = '{}' WHERE name = 'contents'", "says nothing about"),
    ],
)
def test_a_table_of_contents_that_was_changed_is_damage(
    store: SqlTrialStore, backup: Path, change: str, says: str
) -> None:
    before = everything(store)
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(InvalidBackupError, match=says):
        restore(store, backup)
    assert everything(store) == before


def test_a_backup_that_does_not_exist_is_an_error_of_the_input(
    store: SqlTrialStore, tmp_path: Path
) -> None:
    with pytest.raises(InvalidBackupError, match="check the path"):
        restore(store, tmp_path / "none")


def test_a_database_of_another_program_is_no_backup(store: SqlTrialStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE trials (id INTEGER)")
    with pytest.raises(InvalidBackupError, match="holds no tradingkb store"):
        restore(store, tmp_path / "x.db")


def test_rows_that_contradict_each_other_are_refused_and_nothing_changes(
    store: SqlTrialStore, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("DELETE FROM windows WHERE id = 1")
        connection.commit()
    before = everything(store)
    with pytest.raises(InvalidBackupError, match="contradict"):
        restore(store, old)
    assert everything(store) == before


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_backup_with_a_text_that_postgresql_does_not_take_is_refused(
    store: SqlTrialStore, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE trials SET engine = 'a' || char(0) WHERE id = 3")
        connection.commit()
    before = everything(store)
    with pytest.raises(InvalidBackupError, match=r"NUL|0x00"):
        restore(store, old)
    assert everything(store) == before


def test_a_schema_of_a_later_release_is_backed_up_as_far_as_it_is_known_and_says_so(
    store: SqlTrialStore, tmp_path: Path
) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0077'"))
    told = store.write_backup(tmp_path / "b", NOON, replace=False, progress=no_progress)
    assert "0077" in told.notes[0]
    shutil.copy(tmp_path / "b", tmp_path / "c")
    assert restore(store, tmp_path / "c").contents.rows == told.rows
