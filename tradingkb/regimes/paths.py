"""What stands at a path that a user has given, which may be none that a file system can hold."""

from __future__ import annotations

from pathlib import Path


def is_file(path: str | Path) -> bool:
    """Whether a file is there: there is none where nobody can look, as of a name too long."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def is_folder(path: str | Path) -> bool:
    """Whether a folder is there, likewise."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False
