"""A page that is left open over night does not grow."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

REFRESHES = 500
#: What the allocator keeps; a leak of one answer per refresh would be more.
MOST_PER_REFRESH = 20_000

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="there is no /proc here to read memory from"
)


def _resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat_over_500_refreshes(opened, busy_store):
    app = opened("overview", home=busy_store)
    for _ in range(REFRESHES // 10):
        app.run()
    before = _resident_bytes()
    for _ in range(REFRESHES):
        app.run()
    assert _resident_bytes() - before < REFRESHES * MOST_PER_REFRESH
