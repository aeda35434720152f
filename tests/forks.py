"""Processes that are forked from a server which has imported everything once.

A start takes ten milliseconds instead of a second, so that more than a hundred kills fit into a run
of the tests.
"""

from __future__ import annotations

import multiprocessing
from typing import Final

CONTEXT: Final = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "tradingkb",
        "tradingkb.wiring",
        "tradingkb.regimes",
        "tradingkb.service",
        "alembic.command",
        "alembic.runtime.migration",
        "alembic.script",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "talib",
    ]
)
