"""The file of a SQLite store while it is open: is it still there, and still a database?

SQLite asks neither in WAL mode. It goes on in a file that was deleted, whose writes nobody sees
again, and finds out that a file was overwritten when it happens to read the place.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from pathlib import Path
from typing import Final, TypeAlias

from tradingkb.exceptions import StoreDamagedError
from tradingkb.sql.sqlite_errors import RESTORE

Identity: TypeAlias = tuple[int, int]
_MAGIC: Final = b"SQLite format 3\x00"
_CAN_READ_AT: Final = hasattr(os, "pread")

# One descriptor per file and process, shared and counted. POSIX locks of a file go with the first
# descriptor that is closed, SQLite's with them: ours is closed when no engine uses the file.
_HEADS: Final[dict[Identity, int]] = {}
_USERS: Final[Counter[Identity]] = Counter()
_LOCK: Final = threading.RLock()


class StoreFile:
    """The file that the first connection of an engine has opened."""

    def __init__(self, path: Path) -> None:
        """Of a path where a file may not be yet."""
        self.path = path
        self._held: tuple[Identity, int | None] | None = None
        self._broken: str | None = None

    def opened(self) -> None:
        """Remembers the file that has just been opened; a later one must be the same."""
        with _LOCK:
            if self._held is None and (found := identity(self.path)) is not None:
                self._held = found, _hold(found, self.path)
                self._end = weakref.finalize(self, _let_go, found)

    def closed(self) -> None:
        """Forgets it: no connection is left."""
        if self._held is not None:
            self._held = self._broken = None
            self._end()

    def check(self) -> None:
        """Looks whether it is the file that was opened.

        Raises:
            StoreDamagedError: it was removed, replaced or overwritten.
        """
        if self._held is None:
            return
        if self._broken:  # to open it anew would make a store out of what is left
            raise StoreDamagedError(self._broken)
        was, head = self._held
        if identity(self.path) != was:
            raise StoreDamagedError(
                f"the store {self.path} was removed or replaced while it was open: what was "
                "written to it since may be lost; stop what uses it, put the file back or "
                "restore a backup, then connect() again"
            )
        if head is not None and not _is_sound(head):
            self._broken = (
                f"the store {self.path} is damaged: it was overwritten while it was open, and is "
                f"no database any more; {RESTORE}"
            )
            raise StoreDamagedError(self._broken)

    def check_log(self, was: Identity | None) -> None:
        """Looks whether the log of a connection is still there.

        Raises:
            StoreDamagedError: it was removed, and commits with it.
        """
        if was is not None and identity(self.log) != was:
            self._broken = (
                f"{self.log.name} of the store {self.path} was removed or replaced while it was "
                "open: commits that were in it alone are lost; stop what uses the store, and "
                "compare with a backup"
            )
            raise StoreDamagedError(self._broken)

    @property
    def log(self) -> Path:
        """Where commits are before they are in the file."""
        return self.path.with_name(f"{self.path.name}-wal")


def identity(path: Path) -> Identity | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # or no path at all
        return None
    return found.st_dev, found.st_ino


def _hold(file: Identity, path: Path) -> int | None:
    """A descriptor of the file, where its first bytes can be looked at and are a database's."""
    if not _CAN_READ_AT:
        return None
    with _LOCK:
        if file not in _HEADS:
            try:
                _HEADS[file] = os.open(path, os.O_RDONLY)
            except OSError:
                return None
        _USERS[file] += 1
        # A full disk leaves a new file without its first bytes.
        return _HEADS[file] if _is_sound(_HEADS[file]) else None


def _is_sound(head: int) -> bool:
    return os.pread(head, len(_MAGIC), 0) == _MAGIC


def _let_go(file: Identity) -> None:
    with _LOCK:
        if file not in _HEADS:
            return
        _USERS[file] -= 1
        if not _USERS[file]:
            del _USERS[file]
            os.close(_HEADS.pop(file))
