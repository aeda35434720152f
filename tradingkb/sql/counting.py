"""What is asked of databases, counted: how the benchmark and tests see what a call costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tradingkb.sql import bulk


@dataclass
class Asked:
    """Counts that grow while they are taken.

    Attributes:
        transactions: how many were begun, to read or to write.
        statements: how many were executed, without what begins and ends transactions.
        rows: how many came back by `read` and `read_in`.
    """

    transactions: int = 0
    statements: int = 0
    rows: int = 0


@contextmanager
def counted() -> Iterator[Asked]:
    """Counts what is asked inside, of every engine and by every thread."""
    asked = Asked()

    def begun(_: sa.Connection) -> None:
        asked.transactions += 1

    def executed(_: sa.Connection, __: Any, statement: str, *___: Any) -> None:
        asked.statements += not statement.startswith("BEGIN")

    def came(rows: int) -> None:
        asked.rows += rows

    sa.event.listen(sa.Engine, "begin", begun)
    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    bulk.COUNTERS.append(came)
    try:
        yield asked
    finally:
        bulk.COUNTERS.remove(came)
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)
        sa.event.remove(sa.Engine, "begin", begun)
