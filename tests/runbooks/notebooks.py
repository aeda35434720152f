"""Notebooks that tests write: a runbook of a few cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FIRST = """# A first one

**Purpose.** To see that it runs.

**When to run.** When `this` test runs.

**Alerts that lead here.** `KbIngestStale`, `KbJobStuck`

**What it changes.** Nothing.

**How to undo.** There is nothing to undo.
"""
PARAMETERS = """workspace: str = "default"  # slug or id
dry_run: bool = True  # change nothing
count: int = 3  # how many
"""


def write_runbook(
    folder: Path,
    name: str,
    cells: Sequence[str] = (),
    *,
    first: str = FIRST,
    parameters: str | None = PARAMETERS,
    **metadata: Any,
) -> Path:
    """A notebook with its first cell, its parameters and the cells of code that follow."""
    shown = [{"cell_type": "markdown", "id": "first", "metadata": {}, "source": first}]
    tagged = [] if parameters is None else [_code(parameters, ["parameters"], "given")]
    code = [_code(source, [], f"cell{n}") for n, source in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": [*shown, *tagged, *code],
        "metadata": {"kernelspec": kernel, "tradingkb": metadata},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def _code(source: str, tags: list[str], name: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {"tags": tags} if tags else {},
        "outputs": [],
        "source": source,
    }
