"""What tells stores with the same content from others, whichever database each of them is in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from tradingkb.ports import Digest, Surveyed
from tradingkb.sql import identity_of_place, reading
from tradingkb.stores import schema
from tradingkb.stores.migrate import is_older, revision_of
from tradingkb.stores.transfer import TABLES, Row, column_names, stream

#: What follows from the other tables, and is another in each place: counters, and index entries,
#: which are held against points instead.
_DERIVED: Final = (schema.generations, schema.kb_trial_index)
COMPARED: Final = tuple(t for t in TABLES if t not in _DERIVED)
#: Notes that a place makes of itself: they are no content that came from elsewhere.
OWN_NOTES: Final = ("move", "start")
_MODULUS: Final = 1 << 256


class DigestQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.BackupStore` for the guarantees."""

    engine: sa.Engine

    def digests(self) -> dict[str, Digest]:
        """Rows and digest of each table of truth."""
        with reading(self.engine) as connection:
            return _digests(connection)

    def revision(self) -> str:
        """The revision of the schema."""
        return revision_of(self.engine) or ""

    def size_bytes(self) -> int:
        """Bytes that the tables of truth take, at most."""
        with reading(self.engine) as connection:
            return _size(connection)

    def place(self) -> str:
        """What tells this database from others, by whatever URL it is reached."""
        with reading(self.engine) as connection:
            return identity_of_place(connection)


def survey(engine: sa.Engine) -> Surveyed:
    """What a database holds. Nothing in it is changed, not even an older schema.

    Raises:
        StoreTooNewError: its major schema is newer than this release's.
        ConfigurationError: it holds something else than a tradingkb store.
        BackendUnavailableError: it does not answer.
    """
    revision = revision_of(engine)
    with reading(engine) as connection:
        place = identity_of_place(connection)
        if revision is None:
            return Surveyed(None, False, {}, None, place)
        there = set(sa.inspect(connection).get_table_names())
        counts = {t.name: sa.select(sa.func.count()).select_from(t) for t in TABLES}
        rows = {n: int(connection.scalar(q) or 0) for n, q in counts.items() if n in there}
        old = is_older(revision)
        return Surveyed(revision, old, rows, None if old else _digests(connection), place)


def _digests(connection: sa.Connection) -> dict[str, Digest]:
    return {table.name: _digest(connection, table) for table in COMPARED}


def _digest(connection: sa.Connection, table: sa.Table) -> Digest:
    """A sum over the rows, which has no order: databases sort texts differently."""
    said, total, rows = _said(table), 0, 0
    for chunk in stream(connection, table):
        for row in chunk:
            if (text := said(row)) is None:
                continue
            total += int.from_bytes(hashlib.sha256(text.encode()).digest())
            rows += 1
    return Digest(rows, f"{total % _MODULUS:064x}")


def _said(table: sa.Table) -> Callable[[Row], str | None]:
    """What a row says, the same wherever it is; None for a note that a place made of itself."""
    structures = [n for n, c in enumerate(table.columns) if isinstance(c.type, sa.JSON)]
    kind = column_names(table).index("kind") if table is schema.changes else None

    def said(row: Row) -> str | None:
        if kind is not None and row[kind] in OWN_NOTES:
            return None
        values = _canonical(row, structures) if structures else row
        text = repr(values)
        # Most rows have none, and a million of them are looked at.
        return repr(type(values)(map(_without_sign, values))) if "-0.0" in text else text

    return said


def _without_sign(value: Any) -> Any:
    """Zero without its sign, which SQLite does not keep and PostgreSQL does."""
    return value + 0.0 if isinstance(value, float) else value


def _canonical(row: Row, structures: Sequence[int]) -> list[Any]:
    """A row whose structures are spelt in one way: PostgreSQL orders keys, and rewrites numbers."""
    values = list(row)
    for n in structures:
        if values[n] is not None:
            found = json.loads(values[n], parse_int=_number, parse_float=_number)
            values[n] = json.dumps(found, sort_keys=True)
    return values


def _number(text: str) -> float:
    return float(text) + 0.0  # no negative zero: PostgreSQL knows none


def _size(connection: sa.Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "page_size")
        )
        return pages * size
    sizes = ", ".join(f"pg_total_relation_size('{t.name}')" for t in TABLES)
    return sum(int(n) for n in connection.execute(sa.text(f"SELECT {sizes}")).one())
