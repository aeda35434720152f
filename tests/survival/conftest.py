"""Counts the kills."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.survival.campaign import AT_RANDOM, PLACED


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Reports the kills of a test; `tests/kills.py` adds them up over all workers."""
    counters = {"kills_placed": PLACED, "kills_at_random": AT_RANDOM}
    before = {name: counter.copy() for name, counter in counters.items()}
    yield
    for name, counter in counters.items():
        record_property(name, dict(counter - before[name]))
