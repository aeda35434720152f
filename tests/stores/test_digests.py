"""Two stores are told to say the same, or not, whichever database each of them is in."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError, StoreTooNewError
from tradingkb.sql import open_engine
from tradingkb.stores import SqlTrialStore, survey
from tradingkb.testing.stored import NOON, WORKSPACE
from tradingkb.testing.trial_store_backup import fill_every_table, no_progress

OLD = Path(__file__).parent / "fixtures/store_0001.db.gz"
#: A change of one value by table; the others are the same afterwards.
CHANGED = {
    "workspaces": "UPDATE workspaces SET slug = 'other'",
    "windows": "UPDATE windows SET regime_is = NULL WHERE window_key = 'w2'",
    "trials": "UPDATE trials SET sharpe_oos = 0.3 WHERE source_id LIKE 'n%'",
    "trial_versions": "UPDATE trial_versions SET row_hash = '3'",
    "regime_scalers": "UPDATE regime_scalers SET version = 2",
    "calibrations": "UPDATE calibrations SET n_outcomes = 7 WHERE n_outcomes = 0",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(
    request: pytest.FixtureRequest, with_tables: Callable[[str], str]
) -> Iterator[SqlTrialStore]:
    opened = SqlTrialStore(open_engine(with_tables(request.param)))
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def other(
    request: pytest.FixtureRequest,
    with_tables: Callable[[str], str],
    sqlite_schema: Path,
    tmp_path: Path,
) -> Iterator[SqlTrialStore]:
    """A second store, empty."""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(sqlite_schema, tmp_path / 'other.db')}"
    else:
        url = with_tables(request.param)
    opened = SqlTrialStore(open_engine(url))
    yield opened
    opened.close()


def copy(store: SqlTrialStore, other: SqlTrialStore, path: Path) -> None:
    store.write_backup(path, NOON, replace=True, progress=no_progress)
    other.restore_backup(path, replace=True, progress=no_progress)


def execute(store: SqlTrialStore, statement: str) -> int:
    with store.engine.begin() as connection:
        return connection.execute(sa.text(statement)).rowcount


def test_what_was_restored_says_the_same_in_any_database(
    store: SqlTrialStore, other: SqlTrialStore, tmp_path: Path
) -> None:
    fill_every_table(store)
    execute(store, """UPDATE workspaces SET config = '{"z": [1.50, -0.0], "a": {"n": 1e3}}'""")
    execute(store, "UPDATE trials SET sharpe_oos = CAST('-0.0' AS DOUBLE PRECISION)")
    assert store.digests() != other.digests()
    copy(store, other, tmp_path / "kb.tkb")
    assert store.digests() == other.digests()
    assert min(digest.rows for digest in store.digests().values()) > 0


def test_a_changed_value_changes_the_digest_of_its_table_and_of_no_other(
    store: SqlTrialStore,
) -> None:
    fill_every_table(store)
    said = store.digests()
    for table, statement in CHANGED.items():
        assert execute(store, statement) == 1
        now = store.digests()
        assert [name for name in said if now[name] != said[name]] == [table]
        said = now


def test_notes_that_a_place_makes_of_itself_are_no_content(store: SqlTrialStore) -> None:
    fill_every_table(store)
    said = store.digests()
    for kind in ("move", "start"):
        store.note_change(None, NOON, kind, "ada", {})
    assert store.digests() == said
    store.note_change(None, NOON, "prune", "ada", {})
    assert store.digests()["changes"] == replace(
        store.digests()["changes"], rows=said["changes"].rows + 1
    )


def test_a_place_is_known_by_whatever_url_it_is_reached(
    store: SqlTrialStore, other: SqlTrialStore, tmp_path: Path
) -> None:
    assert store.place() != other.place()
    url = store.engine.url
    if url.get_backend_name() == "sqlite":
        (tmp_path / "link").symlink_to(Path(str(url.database)).parent, target_is_directory=True)
        url = url.set(database=str(tmp_path / "link" / "kb.db"))
        file = Path(str(store.engine.url.database))
        urls = [
            url,
            *(
                f"sqlite:///{name}"
                for name in (f"{file.parent}/none/../{file.name}", f"file:{file}?uri=true")
            ),
        ]
    else:
        urls = [url.update_query_dict({"application_name": "another"})]
    for another in urls:
        engine = open_engine(another)
        assert survey(engine).place == store.place()
        engine.dispose()


def test_a_look_at_an_empty_database_makes_no_tables(postgres_database: str) -> None:
    engine = open_engine(postgres_database)
    found = survey(engine)
    assert (found.revision, found.outdated, found.rows, found.digests) == (None, False, {}, None)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_look_at_a_store_tells_its_rows_and_digests(store: SqlTrialStore) -> None:
    fill_every_table(store)
    found = survey(store.engine)
    assert (found.rows, found.digests) == (store.row_counts(), store.digests())
    assert (found.outdated, found.revision is None) == (False, False)
    assert store.size_bytes() > sum(found.rows.values())
    assert {space.id for space in store.workspaces()} == {WORKSPACE}


def test_a_look_at_an_older_schema_leaves_it_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "kb.db"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    for _ in range(2):
        engine = open_engine(f"sqlite:///{path}")
        found = survey(engine)
        engine.dispose()
        assert (found.revision, found.outdated, found.digests) == ("0001", True, None)
        assert found.rows["trials"] > 0
        assert "calibrations" not in found.rows


def test_a_look_at_something_else_says_what_it_is(store: SqlTrialStore, tmp_path: Path) -> None:
    execute(store, "INSERT INTO tradingkb_schema (major) VALUES (99)")
    with pytest.raises(StoreTooNewError, match="upgrade tradingkb"):
        survey(store.engine)
    (tmp_path / "letter.db").write_text("Dear Ada," * 100)
    engine = open_engine(f"sqlite:///{tmp_path / 'letter.db'}")
    with pytest.raises(ConfigurationError, match="not a tradingkb store"):
        survey(engine)
    engine.dispose()
