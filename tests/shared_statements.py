"""Statements that one engine has compiled serve the others of the process.

Nearly every test opens a store of its own, and each engine would compile the same statements anew:
a seventh of what the tests of stores take. SQLAlchemy keeps what it compiled by engine and dialect;
here dialects of one kind are equal, since they all speak to one SQLite, or to one server.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

#: By dialect and statement; the least used go first.
COMPILED: LRUCache[Any, Any] = LRUCache(2_000)


class _Shared:
    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: sa.Engine) -> None:
        engine.update_execution_options(compiled_cache=COMPILED)


class SharedSQLite(_Shared, SQLiteDialect_pysqlite):
    supports_statement_cache = True


class SharedPostgreSQL(_Shared, PGDialect_psycopg):
    supports_statement_cache = True


def share() -> None:
    """From now on, for every engine of this process."""
    for name in ("sqlite", "sqlite.pysqlite"):
        sa.dialects.registry.register(name, __name__, SharedSQLite.__name__)
    sa.dialects.registry.register("postgresql.psycopg", __name__, SharedPostgreSQL.__name__)
