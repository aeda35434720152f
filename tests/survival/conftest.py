"""Makes the helpers importable by these tests and by the processes they start; counts the kills."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Reports the kills of a test; `tests/kills.py` adds them up over all workers."""
    from campaign import AT_RANDOM, PLACED

    counters = {"kills_placed": PLACED, "kills_at_random": AT_RANDOM}
    before = {name: counter.copy() for name, counter in counters.items()}
    yield
    for name, counter in counters.items():
        record_property(name, dict(counter - before[name]))
