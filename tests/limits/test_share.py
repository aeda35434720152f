"""Shares keep the same promises in memory and in Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.limits.ageing import age
from tradingkb.limits import Counted, MemoryShare
from tradingkb.limits.redis import RedisShare
from tradingkb.limits.server import RedisServer, redis_client
from tradingkb.resilience import Breaker
from tradingkb.testing import RedisProcess
from tradingkb.testing.limits import Later, Make, ShareContract

#: Longer than any test lets time pass.
LEASE_S = 1e6


class TestMemoryShare(ShareContract):
    @pytest.fixture
    def now(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def make(self, now: list[float]) -> Make:
        return lambda per_minute, concurrent: MemoryShare(per_minute, concurrent, lambda: now[0])

    @pytest.fixture
    def later(self, now: list[float]) -> Later:
        def wait(seconds: float) -> None:
            now[0] += seconds

        return wait


@pytest.fixture
def server(redis_process: RedisProcess) -> Iterator[RedisServer]:
    breaker = Breaker("redis", monotonic=time.monotonic, clock=lambda: datetime.now(UTC))
    found = RedisServer(redis_client(redis_process.patient_url, 20), breaker, time.monotonic)
    yield found
    found.close()


class TestRedisShare(ShareContract):
    @pytest.fixture
    def make(self, server: RedisServer) -> Make:
        """Requests go to three replicas by turns."""
        return lambda per_minute, concurrent: Replicas(
            [RedisShare(server, "own", per_minute, concurrent, LEASE_S) for _ in range(3)]
        )

    @pytest.fixture
    def later(self, redis_process: RedisProcess) -> Later:
        return partial(age, redis_process)


class Replicas:
    def __init__(self, replicas: list[RedisShare]) -> None:
        self._replicas = replicas

    def take(self, name: str) -> Counted:
        self._replicas.append(self._replicas.pop(0))
        return self._replicas[0].take(name)
