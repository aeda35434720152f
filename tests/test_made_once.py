"""What takes long to fill is filled once per run, and everybody gets a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.made_once import made_once


def test_what_is_made_once_is_copied_for_each_that_asks(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        folder.mkdir()
        (folder / "file").write_text("as it was made", encoding="utf-8")

    first = made_once(tmp_path_factory, "copied", make)
    (first / "file").write_text("changed", encoding="utf-8")
    second = made_once(tmp_path_factory, "copied", make)
    assert (second / "file").read_text(encoding="utf-8") == "as it was made"
    assert len(made) == 1


def test_what_could_not_be_made_is_made_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        made_once(tmp_path_factory, "anew", fail)
    found = made_once(tmp_path_factory, "anew", Path.mkdir)
    assert list(found.iterdir()) == []
