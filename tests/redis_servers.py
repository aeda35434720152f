"""A Redis server per session for the tests of every folder, and one of its own for who stops it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tradingkb.testing import RedisProcess

#: Starts a server with further options.
StartRedis = Callable[..., RedisProcess]


@pytest.fixture(scope="session")
def short_folders() -> Iterator[Callable[[], Path]]:
    """Makes folders whose paths are short enough for a socket."""
    with ExitStack() as stack:
        yield lambda: Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redis")))


@pytest.fixture
def start_redis(short_folders: Callable[[], Path]) -> Iterator[StartRedis]:
    """Starts servers of a test's own, which it may stop."""
    _need_it()
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(RedisProcess(short_folders(), *options))


@pytest.fixture(scope="session")
def redis_process(short_folders: Callable[[], Path]) -> Iterator[RedisProcess]:
    """A server that all tests share: who uses it uses names of its own."""
    _need_it()
    with RedisProcess(short_folders()) as started:
        yield started


def _need_it() -> None:
    if not RedisProcess.is_installed():
        pytest.skip("REDIS IS NOT TESTED: there is no redis-server; `make system` installs it")
