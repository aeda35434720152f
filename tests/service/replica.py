"""What processes do that stand for replicas: imported in each of them, so it imports little."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import tradingkb as tkb
from tradingkb.limits import backend_of
from tradingkb.service import prepare
from tradingkb.settings import load_settings

PER_MINUTE, AT_ONCE = 5, 2


def ask_often(connection: Connection, url: str, rounds: Sequence[tuple[int, int]]) -> None:
    """By each pair of limits: asks as fast as it can when it is told the name, and keeps it all."""
    backend = backend_of(load_settings(rate_limit_backend="redis", redis_url=url), time.monotonic)
    shares = [backend.share("workspace", *limits) for limits in rounds]
    connection.send("ready")
    for share in shares:
        name = connection.recv()
        found = [share.take(name) for _ in range(40)]
        connection.send(sum(one.refused is None for one in found))


def serve(connection: Connection, folder: Path, redis_url: str | None) -> None:
    """A service whose list of workspaces waits until the folder holds a file `go`."""
    original = tkb.KnowledgeBase.workspaces

    def held(kb: tkb.KnowledgeBase) -> Any:
        imported = "redis" if "redis" in sys.modules else "nothing"
        (folder / f"inside-{uuid.uuid4()}-{imported}").touch()
        while not (folder / "go").exists():
            time.sleep(0.002)
        return original(kb)

    tkb.KnowledgeBase.workspaces = held
    settings = load_settings(
        home=folder / "home",
        rate_limit_backend="memory" if redis_url is None else "redis",
        redis_url=redis_url,
        rate_limit_reads_per_minute=PER_MINUTE,
        rate_limit_reads_concurrent=AT_ONCE,
    )
    server, listening = prepare(settings, "127.0.0.1", 0)
    connection.send(listening.getsockname()[1])
    server.run(sockets=[listening])
