"""The files that runs of runbooks leave: their names, and which of them are old."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_TIME: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)_[0-9a-f]{8}\.(ipynb|html|json)")


def run_stem(runbook: str, started_at: datetime, run_id: str) -> str:
    """What the names of a run's files begin with, from the folder of outputs on."""
    at = started_at.astimezone(UTC)
    return f"{runbook}/{at.strftime(_TIME)}_{run_id.replace('-', '')[:8]}"


def old_files(folder: Path, before: datetime) -> list[Path]:
    """Files of runs that were asked for before a time; nothing that is named otherwise."""
    found = []
    for path in folder.glob("*/*"):
        named = _NAME.fullmatch(path.name)
        if named and path.is_file() and _time(named[1]) < before:
            found.append(path)
    return sorted(found)


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:  # eight digits that are no day: nobody's file of ours
        return datetime.max.replace(tzinfo=UTC)
