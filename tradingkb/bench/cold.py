"""Calls that find nothing of a store's file in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tradingkb.bench.rows import seconds

#: What a page waits for without a thought, in milliseconds.
REPORT_MS: Final = 200.0


def cold_seconds(home: Path, ask: Callable[[], object]) -> float:
    """How long a call takes when the system has forgotten the files of an embedded store."""
    for path in home.glob("*.db*"):
        _forget(path)
    return seconds(ask)


def _forget(path: Path) -> None:
    """Asks the system to keep nothing of a file in memory, where it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
