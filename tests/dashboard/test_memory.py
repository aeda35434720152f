"""A page that is left open over night does not grow."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

#: Before the first look, until what is kept for good is there; and between the two looks.
WARM, REFRESHES = 60, 120
#: An answer has hundreds of objects and a chart thousands. Python counts them exactly, so that a
#: leak is seen after a hundred refreshes; in bytes it is lost in what the allocator keeps for long.
MOST_OBJECTS_PER_REFRESH = 20
#: For what Python does not count, such as the columns of a frame.
MOST_BYTES = 10_000_000

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="there is no /proc here to read memory from"
)


def _held() -> tuple[int, int]:
    """Objects that Python has allocated, and bytes of memory that the process has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return sys.getallocatedblocks(), pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat_however_often_a_page_is_refreshed(opened, busy_store):
    app = opened("overview", home=busy_store)
    for _ in range(WARM):
        app.run()
    before = _held()
    for _ in range(REFRESHES):
        app.run()
    objects, size = (after - was for after, was in zip(_held(), before, strict=True))
    assert objects < REFRESHES * MOST_OBJECTS_PER_REFRESH
    assert size < MOST_BYTES
