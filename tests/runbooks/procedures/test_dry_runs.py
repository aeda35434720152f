"""A dry run looks, and leaves every row and every file as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.runbooks.procedures.conftest import Play

#: Those that change something, and what makes them plan it.
RUNBOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("02", {}),
    ("03", {}),
    ("04", {"apply": True}),
    ("05", {}),
    ("06", {}),
)


def everything(home: Path) -> tuple[dict[str, list[Any]], dict[str, bytes]]:
    """All rows by table, and all other files."""
    database = home / "tradingkb.db"
    with sqlite3.connect(database) as store:
        names = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = {name: store.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    files = [p for p in home.rglob("*") if p.is_file() and not p.name.startswith(database.name)]
    return rows, {str(path.relative_to(home)): path.read_bytes() for path in files}


@pytest.mark.parametrize(("name", "given"), RUNBOOKS)
def test_a_dry_run_leaves_every_row_and_every_file_as_it_was(
    asked_copy: Path, played_asked: Play, name: str, given: dict[str, Any]
) -> None:
    before = everything(asked_copy)
    assert set(played_asked(name, **given).states.values()) == {"planned"}
    assert everything(asked_copy) == before
