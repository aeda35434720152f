"""Bringing a store's schema up to date, by exactly one process at a time.

A store records which major schema wrote it. A release reads any store of its own major and
refuses one of a later major before it touches anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from tradingkb.exceptions import ConfigurationError, StoreDamagedError, StoreTooNewError
from tradingkb.sql import reading, shown_url, unhurried, writing
from tradingkb.stores import schema

#: Raised when a release can no longer read or write what the previous one wrote.
SCHEMA_MAJOR: Final = 1
#: Alembic's own table, under a name that another program in the same database does not use.
VERSION_TABLE: Final = "tradingkb_revision"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine) -> None:
    """Creates or upgrades the schema; does nothing when it is current.

    Raises:
        StoreTooNewError: the store's major schema is newer than this release's.
        ConfigurationError: the database cannot be written or is no tradingkb store.
        BackendUnavailableError: the database does not answer.
    """
    revision = revision_of(engine)
    if revision is not None and not is_older(revision):
        return
    from alembic import command
    from alembic.config import Config

    with unhurried(), writing(engine) as connection:
        if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE is a lock already
            lock = "SELECT pg_advisory_xact_lock(hashtext('tradingkb.migrate'))"
            connection.execute(sa.text(lock))
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision_of(engine: sa.Engine) -> str | None:
    """The revision of a database's schema; None where it has no tables of ours.

    Raises:
        StoreTooNewError: the store's major schema is newer than this release's.
        ConfigurationError: the database is no tradingkb store.
        BackendUnavailableError: the database does not answer.
    """
    from alembic.runtime.migration import MigrationContext

    with _no_database_refused(engine), reading(engine) as connection:
        names = set(sa.inspect(connection).get_table_names())
        if "tradingkb_schema" in names:
            _refuse_newer(connection, engine)
        else:
            _refuse_foreign(names, engine)
        options = {"version_table": VERSION_TABLE}
        return MigrationContext.configure(connection, opts=options).get_current_revision()


def is_older(revision: str) -> bool:
    """Whether a schema of this revision has to be upgraded.

    A revision that is not known here comes from a later release of the same major, which only
    adds: this release runs on it as it is, so that an emergency rollback works.
    """
    return revision in _revisions()[1:]


def is_known(revision: str) -> bool:
    """Whether this release knows a schema of this revision."""
    return revision in _revisions()


@cache
def _revisions() -> tuple[str, ...]:
    """All revisions, newest first; reading them takes longer than the rest of opening a store."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS)).walk_revisions()
    return tuple(script.revision for script in scripts)


@contextmanager
def _no_database_refused(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except StoreDamagedError as error:
        if error.__cause__ is None:
            raise
        reason = getattr(error.__cause__, "orig", error.__cause__)
        raise StoreDamagedError(
            f"{shown_url(engine)} is not a tradingkb store, or a damaged one: {reason}; move the "
            "file away, and restore a backup or choose another home"
        ) from error
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        reason = getattr(error, "orig", error)
        raise ConfigurationError(
            f"{shown_url(engine)} is not a tradingkb store: {reason}; "
            "move the file away or choose another home"
        ) from error


def _refuse_foreign(names: set[str], engine: sa.Engine) -> None:
    taken = sorted(names & set(schema.metadata.tables))
    if taken:
        raise ConfigurationError(
            f"{shown_url(engine)} holds tables of another program: "
            f"{', '.join(taken)}; choose a database or home of its own for tradingkb"
        )


def _refuse_newer(connection: sa.Connection, engine: sa.Engine) -> None:
    major = connection.scalar(sa.text("SELECT max(major) FROM tradingkb_schema"))
    if major is not None and int(major) > SCHEMA_MAJOR:
        raise StoreTooNewError(
            f"{shown_url(engine)} has schema {major}, this release reads "
            f"{SCHEMA_MAJOR}: upgrade tradingkb, or restore a backup made by this release"
        )
