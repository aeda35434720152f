"""Which descriptors of a file this process has open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_descriptors(path: Path) -> list[int]:
    """Their numbers."""
    file, found = path.stat(), []
    for entry in list(Path("/dev/fd").iterdir()):
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(entry.name)), file):
                found.append(int(entry.name))
    return found
