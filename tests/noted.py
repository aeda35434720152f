"""A runbook of a test's own, and runs of it as a store holds them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradingkb.ports import RunbookRun

NAME = "06_bring_in"
TITLE = "Bring trials in"
FIRST = f"""# {TITLE}

**Purpose.** Takes *new* trials in.

**When to run.** Every day.

**Alerts that lead here.** `KbIngestStale`

**What it changes.** The trials of the workspace.

**How to undo.** `tradingkb withdraw`.
"""
PARAMETERS = """workspace: str = "default"  # slug or id
dry_run: bool = True  # only say what would be done
strategy: str | None = None  # only of this strategy
hours: int = 24  # of the last hours
share: float = 0.5  # a fraction
strict: bool = False  # refuse all when one is bad
since: "date | None" = None  # not before this day
how: Literal["fast", "careful"] = "fast"  # which way
source: str  # the file, by its name
"""


def write_runbook(folder: Path, name: str = NAME, *, destructive: bool = True) -> Path:
    """A notebook of that name in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": FIRST},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {"tags": ["parameters"]},
            "execution_count": None,
            "outputs": [],
            "source": PARAMETERS,
        },
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "tradingkb": {"destructive": destructive, "deadline_s": 600},
    }
    path = folder / f"{name}.ipynb"
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


RESULT = {
    "findings": [
        {"what": "3 rows <b>wait</b>", "severity": "warning", "evidence": {"rows": 3}},
    ],
    "actions": [
        {
            "key": "take",
            "what": "take them in",
            "state": "planned",
            "expected": {"inserted": 3},
            "actual": None,
            "differs": [],
            "undo": "tradingkb withdraw 3",
            "seconds": None,
            "error": None,
        }
    ],
    "next_steps": [
        {
            "why": "do what is planned here",
            "command": f"tradingkb runbook run {NAME} -p source=b.csv -p hours=6 -p dry_run=false",
        },
        {"why": "fit the confidence", "command": "tradingkb calibrate"},
    ],
}


def run_of(**changes: Any) -> RunbookRun:
    """A dry run that ended a minute ago."""
    at = datetime.now(UTC) - timedelta(minutes=1)
    told: dict[str, Any] = {
        "run_id": str(uuid.uuid4()),
        "runbook": NAME,
        "version": "abc",
        "workspace": "default",
        "parameters": {"workspace": "default", "dry_run": True, "source": "a.csv", "hours": 12},
        "dry_run": True,
        "actor": "ada",
        "started_at": at,
        "heartbeat_at": at,
        "deadline_s": 600,
        "holder": "host-of-ours:1234",
        "release": "0.1.0",
        "state": "ended",
        "outcome": "needs_decision",
        "cell_done": 4,
        "cell_total": 4,
        "ended_at": at + timedelta(seconds=20),
        "result": RESULT,
        "notebook": f"{NAME}/a.ipynb",
        "report": f"{NAME}/a.html",
    }
    return RunbookRun(**{**told, **changes})
