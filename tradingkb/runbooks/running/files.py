"""The files of one run: the executed notebook, its report and the result."""

from __future__ import annotations

import contextlib
import os
import secrets
from datetime import datetime
from pathlib import Path

from tradingkb.upkeep import run_stem


class RunFiles:
    """Writes the files of one run, each whole or not at all.

    Attributes:
        problems: what could not be written, and why, a sentence for each file.
    """

    def __init__(self, folder: Path, runbook: str, started_at: datetime, run_id: str) -> None:
        """Takes the folder of the outputs, and what the files are named by."""
        self._folder = folder
        self._stem = run_stem(runbook, started_at, run_id)
        self._written: set[str] = set()
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """What could not be written, and why."""
        return list(self._problems.values())

    def name(self, ending: str) -> str | None:
        """The name of a file that was written, relative to the folder of outputs."""
        return f"{self._stem}{ending}" if ending in self._written else None

    def path(self, ending: str) -> Path:
        """Where a file is, or would be."""
        return self._folder / f"{self._stem}{ending}"

    def write(self, ending: str, text: str) -> bool:
        """Writes a file, instead of the one that it has written before; whether it could."""
        path = self.path(ending)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Halves of pairs, which a user's text may hold, have no form in UTF-8.
            partial.write_bytes(text.encode("utf-8", "backslashreplace"))
            os.replace(partial, path)  # noqa: PTH105 - what is there under the name is whole
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            why = error.strerror or type(error).__name__
            self._problems[ending] = f"{path.name} could not be written: {why}"
            return False
        self._problems.pop(ending, None)
        self._written.add(ending)
        return True
