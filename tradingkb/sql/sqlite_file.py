"""The file of a SQLite store while it is open: is it still there, and still a database?

SQLite asks neither in WAL mode. It goes on in a file that was deleted, whose writes nobody sees
again, and finds out that a file was overwritten when it happens to read the place.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Final

from tradingkb.exceptions import StoreDamagedError
from tradingkb.sql.sqlite_errors import RESTORE
from tradingkb.sql.sqlite_head import CAN_READ_AT, Head, Identity, identity

_MAGIC: Final = b"SQLite format 3\x00"


class StoreFile:
    """The file that the first connection of an engine has opened."""

    def __init__(self, path: Path) -> None:
        """Of a path where a file may not be yet."""
        self.path = path
        self._held: tuple[Identity, Head | None] | None = None
        self._broken: str | None = None
        self._lock = threading.Lock()

    def opened(self) -> None:
        """Remembers the file that has just been opened; a later one must be the same."""
        with self._lock:
            if self._held is None and (found := identity(self.path)) is not None:
                head = _head(self.path)
                self._held = found, head
                if head is not None:
                    self._end = weakref.finalize(self, head.close)

    def closed(self) -> None:
        """Forgets it: the engine opens no more connections, though some may still be at work."""
        with self._lock:
            held, self._held, self._broken = self._held, None, None
            if held is not None and held[1] is not None:
                self._end()

    def check(self) -> None:
        """Looks whether it is the file that was opened.

        Raises:
            StoreDamagedError: it was removed, replaced or overwritten.
        """
        if (held := self._held) is None:
            return
        if self._broken:  # to open it anew would make a store out of what is left
            raise StoreDamagedError(self._broken)
        was, head = held
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


def _head(path: Path) -> Head | None:
    """The head of a file, where its first bytes can be looked at and are a database's."""
    if not CAN_READ_AT:
        return None
    try:
        head = Head(path)
    except OSError:
        return None
    if head.read(len(_MAGIC)) == _MAGIC:
        return head
    head.close()  # a full disk leaves a new file without its first bytes
    return None


def _is_sound(head: Head) -> bool:
    found = head.read(len(_MAGIC))
    return found is None or found == _MAGIC  # None: it was closed meanwhile
