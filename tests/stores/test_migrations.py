"""A store is created, upgraded or refused; never half of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tradingkb.exceptions import ConfigurationError, StoreTooNewError
from tradingkb.sql.engine import open_engine, writing
from tradingkb.stores import SqlTrialStore, schema
from tradingkb.stores.migrate import VERSION_TABLE, migrate
from tradingkb.testing.sample_points import EAST, EVERYTHING, points
from tradingkb.vectors import tables
from tradingkb.vectors.embedded import EmbeddedVectorIndex

#: Processes that import once and then part; each begins when all are there.
OPEN_A_STORE = """
import multiprocessing, sys
import alembic.command, alembic.script
from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore

def open_it(at_once):
    at_once.wait(60)
    SqlTrialStore(open_engine(sys.argv[1])).close()

forked = multiprocessing.get_context("fork")
at_once = forked.Barrier(4)
processes = [forked.Process(target=open_it, args=(at_once,)) for _ in range(4)]
for process in processes:
    process.start()
for process in processes:
    process.join(60)
sys.exit([process.exitcode for process in processes] != [0] * 4)
"""


def everything() -> list[sa.MetaData]:
    version = sa.MetaData()
    sa.Table("tradingkb_schema", version, sa.Column("major", sa.Integer, nullable=False))
    return [schema.metadata, tables.metadata, version]


def dump(engine: sa.Engine) -> dict[str, object]:
    """Every table with its columns, constraints and rows."""
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        return {
            name: (
                str(inspector.get_columns(name)),
                str(inspector.get_unique_constraints(name)),
                str(inspector.get_foreign_keys(name)),
                sorted(index_text(ix) for ix in inspector.get_indexes(name)),
                [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}"))],
            )
            for name in sorted(inspector.get_table_names())
        }


def index_text(index: dict[str, object]) -> str:
    """An index as text; a condition is an object whose repr is its address."""
    options = {k: str(v) for k, v in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": options})


def test_the_migrated_schema_is_the_schema_that_the_code_declares(engine):
    migrate(engine)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, everything()) == []


def test_constraints_carry_the_names_that_the_metadata_gives_them(engine):
    migrate(engine)
    inspector = sa.inspect(engine)
    for table in schema.metadata.sorted_tables:
        declared = {str(c.name) for c in table.constraints} | {str(i.name) for i in table.indexes}
        found = {inspector.get_pk_constraint(table.name)["name"]} | {
            item["name"]
            for kind in ("unique_constraints", "foreign_keys", "check_constraints", "indexes")
            for item in getattr(inspector, f"get_{kind}")(table.name)
        }
        assert declared <= found, table.name


def test_a_new_store_says_which_major_schema_wrote_it(engine):
    migrate(engine)
    with engine.connect() as connection:
        assert connection.scalars(sa.text("SELECT major FROM tradingkb_schema")).all() == [1]


def test_migrating_twice_changes_nothing(engine):
    migrate(engine)
    before = dump(engine)
    migrate(engine)
    assert dump(engine) == before


def test_a_store_of_a_later_major_is_refused_and_left_as_it_was(engine):
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE tradingkb_schema SET major = 2"))
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0077'"))
    before = dump(engine)
    with pytest.raises(StoreTooNewError, match=r"schema 2.*reads 1"):
        SqlTrialStore(engine)
    assert dump(engine) == before


def test_a_later_migration_of_the_same_major_is_accepted_and_left_as_it_was(engine):
    """An emergency rollback: the previous release runs on the new schema."""
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("ALTER TABLE trials ADD COLUMN later INTEGER"))
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0077'"))
    before = dump(engine)
    assert SqlTrialStore(engine).workspaces() == []
    assert dump(engine) == before


def test_a_database_with_tables_of_another_program_of_the_same_names_is_refused(engine):
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE trials (mine INTEGER)"))
    before = dump(engine)
    with pytest.raises(ConfigurationError, match="trials"):
        migrate(engine)
    assert dump(engine) == before


def test_another_program_may_use_alembic_in_the_same_database(engine):
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('theirs')"))
    assert SqlTrialStore(engine).workspaces() == []
    with engine.connect() as connection:
        theirs = connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all()
    assert theirs == ["theirs"]


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path):
    path = tmp_path / "kb.db"
    path.write_bytes(b"this is a letter, not a database. " * 100)
    before = path.read_bytes()
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(ConfigurationError, match="not a tradingkb store"):
        SqlTrialStore(engine)
    assert path.read_bytes() == before


@pytest.mark.parametrize("home", ["file/kb.db", "file/deeper/kb.db"])
def test_a_home_below_a_regular_file_is_refused(tmp_path, home):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        open_engine(f"sqlite:///{tmp_path / home}")


def test_a_home_that_is_a_folder_is_refused(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        SqlTrialStore(engine)


def test_a_read_only_database_is_refused_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sqlite3.connect(tmp_path / "kb.db").close()
    engine = open_engine(f"sqlite:///file:{tmp_path / 'kb.db'}?mode=ro&uri=true")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        SqlTrialStore(engine)
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == []


def test_processes_that_open_a_fresh_store_at_once_all_succeed(url):
    done = subprocess.run(
        [sys.executable, "-c", OPEN_A_STORE, url],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalars(sa.text("SELECT major FROM tradingkb_schema")).all() == [1]
    engine.dispose()


def test_every_number_that_the_database_gives_has_64_bits(postgres_database):
    """An upsert takes one also where it replaces: 32 bits last for some weeks of a large store."""
    engine = open_engine(postgres_database)
    migrate(engine)
    few = {"kb_vector_collections"}  # a number for each collection that is made
    with engine.connect() as connection:
        given = connection.execute(
            sa.text(
                "SELECT table_name, data_type FROM information_schema.columns "
                "WHERE table_schema = current_schema() AND column_default LIKE 'nextval%'"
            )
        ).all()
        assert {name for name, kind in given if kind != "bigint"} == few
        sequences = sa.text(
            "SELECT sequencename FROM pg_sequences WHERE data_type <> 'bigint'::regtype"
        )
        assert list(connection.scalars(sequences)) == ["kb_vector_collections_id_seq"]
    engine.dispose()


def test_points_are_replaced_beyond_two_thousand_million_upserts(postgres_database):
    engine = open_engine(postgres_database)
    migrate(engine)
    index = EmbeddedVectorIndex(engine)
    index.ensure_collection("kb", 4)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"SELECT setval('kb_vectors_id_seq', {2**31 - 2})")
    for _ in range(3):
        index.upsert("kb", points((1, EAST, {"window_key": "a"}), (2, EAST, {"window_key": "b"})))
    index.upsert("kb", points((3, EAST, {"window_key": "c"})))
    assert len(index.nearest_windows("kb", EAST, EVERYTHING, 9)) == 3
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT max(id) FROM kb_vectors").scalar_one() > 2**31
    engine.dispose()
