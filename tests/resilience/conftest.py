from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import stamina

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Time:
    """Seconds that pass when told, and the time of day that goes with them."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s

    def of_day(self) -> datetime:
        return NOON + timedelta(seconds=self.s)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    """Retries are made, and not waited for."""
    with stamina.set_testing(True, attempts=100):
        yield
