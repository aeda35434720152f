"""Processes that are forked from one that has imported everything once.

A start takes ten milliseconds instead of a second or two. One list serves all tests, because one
process of a worker has one such server, which takes its list when it starts.
"""

from __future__ import annotations

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "tradingkb",
        "tradingkb.wiring",
        "tradingkb.regimes",
        "tradingkb.service",
        "tradingkb.cli.serving",
        "alembic.command",
        "alembic.runtime.migration",
        "alembic.script",
        "rich.console",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "talib",
        "pytest",
        "tests.survival.campaign",
        "tests.survival.oracle",
        "tests.survival.workload",
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.lifespan.on",
        "tests.frozen",
    ]
)
