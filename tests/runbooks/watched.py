"""Starts what ends with who started it, in a process that is killed; it imports little."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path


def hold_a_redis(connection: Connection, folder: Path) -> None:
    """Says where it listens, and never ends by itself."""
    from tradingkb.runbooks.procedures.temporary import temporary_redis

    with temporary_redis(folder) as url:
        connection.send(url)
        time.sleep(600)
