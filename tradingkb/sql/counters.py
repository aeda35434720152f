"""Generations: counters that caches compare, and what is known of the way between two of them.

Most changes only add rows. Where that is certain of everything since a cache was filled, it is
enough to read what was added. Certain means: this release says so. A release before it moves the
counter alone, and the two then disagree, so that everything is read again.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def counter() -> list[sa.Column[Any]]:
    """The columns of a generation.

    From `added_since` to `added_until` rows were only added. That is out of date, and says
    nothing, where `added_until` is not the present generation.
    """
    return [
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("added_since", sa.BigInteger),
        sa.Column("added_until", sa.BigInteger),
    ]


def moved(table: sa.Table, *, only_added: bool) -> dict[str, Any]:
    """Values for an UPDATE that moves the generations of some rows of the table."""
    c = table.c
    later = c.generation + 1
    if not only_added:
        return {"generation": later}
    known = c.added_until == c.generation
    since = sa.case((known, c.added_since), else_=c.generation)
    return {"generation": later, "added_since": since, "added_until": later}


def only_added(row: sa.Row[Any] | None, seen: int) -> bool:
    """Whether nothing but additions can have happened since a generation was seen.

    Args:
        row: the columns of `counter` as they are now, None when there is no such row.
        seen: the generation then.
    """
    if row is None or row.generation is None:
        return False
    if row.added_until != row.generation:
        return bool(seen == row.generation)
    return bool(row.added_since <= seen <= row.generation)
