"""What it costs to count a request in Redis, which all replicas share, and not in memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from tradingkb.bench.rows import Findings, Row, by_turns, scaled
from tradingkb.bench.stores import Stores
from tradingkb.limits import Backend, backend_of
from tradingkb.settings import load_settings
from tradingkb.testing import RedisProcess

_NAME: Final = "limits"
_WHAT: Final = "a request counted in Redis, and its end"
#: Requests in a run, each of a workspace that has asked for nothing yet: 30 a minute are its limit.
_AT_A_TIME: Final = 20


def run(stores: Stores) -> Findings:
    """An admission and its end by Redis, beside the same by memory."""
    if not RedisProcess.is_installed():
        return Findings([Row(_NAME, _WHAT, "redis-server is **not installed**", "µs")])
    with _in_redis() as ours, closing(_counting("memory")) as peer:
        took = by_turns(_requests(ours), _requests(peer), stores.sizes.calls)
    ours_us, peer_us = (scaled(one, 1e6 / _AT_A_TIME) for one in took)
    note = (
        "limits: a server of its own on the same machine, reached over a socket; two round trips, "
        "of which each also waits for the processor that it shares with whoever asks."
    )
    return Findings([Row(_NAME, _WHAT, "in memory", "µs", ours_us, peer_us)], [note])


@contextmanager
def _in_redis() -> Iterator[Backend]:
    # Not in the folder of the stores: the path of a socket has to be short.
    with (
        tempfile.TemporaryDirectory(prefix="redis") as folder,
        RedisProcess(Path(folder)) as redis,
        closing(_counting("redis", redis_url=redis.url)) as backend,
    ):
        yield backend


def _counting(where: str, **given: str) -> Backend:
    return backend_of(load_settings(rate_limit_backend=where, **given), time.monotonic)


def _requests(backend: Backend) -> Callable[[], None]:
    """So many requests one after the other, as the service has them counted."""
    share, names = backend.share("workspace", 30, 2), count()

    def ask() -> None:
        name = f"workspace-{next(names)}"
        for _ in range(_AT_A_TIME):
            found = share.take(name)
            found.release()
            if found.refused is not None:
                raise RuntimeError(f"a request was refused: {found.refused}")

    return ask
