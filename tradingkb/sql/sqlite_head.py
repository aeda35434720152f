"""The first bytes of a SQLite file, read without opening the file.

POSIX ends all locks that a process has on a file when the process closes any descriptor of it,
those of SQLite's connections too, in the midst of a transaction: another process then takes the
store for closed, removes its log, and what is committed into that is lost. Only SQLite can tell
when closing is harmless, and it puts it off until then. So no module opens a file that may be a
store: SQLite does, and what it has open is read.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeAlias

Identity: TypeAlias = tuple[int, int]
#: Windows has it not, and there a lock belongs to the descriptor that took it.
CAN_READ_AT: Final = hasattr(os, "pread")
#: How many descriptors are tried where the system does not list them.
_MOST: Final = 4096


def identity(path: Path) -> Identity | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # or no path at all
        return None
    return found.st_dev, found.st_ino


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a regular file, which may be a store that this process has open.

    Raises:
        OSError: it cannot be read.
    """
    if not CAN_READ_AT:
        with path.open("rb") as file:
            return file.read(count)
    stat = path.stat()
    # Shared memory beside a store is no file that SQLite would close late: it must not be opened.
    if (found := _read_any((stat.st_dev, stat.st_ino), count)) is not None:
        return found[1]
    with closing(Head(path)) as head:
        data = head.read(count)
    if data is None:  # it was replaced meanwhile
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
    return data


class Head:
    """A file that SQLite keeps open, without a lock and without looking into it."""

    def __init__(self, path: Path) -> None:
        """Of a regular file.

        Raises:
            OSError: it cannot be read.
        """
        found = path.stat()
        self._file: Identity = found.st_dev, found.st_ino
        self._descriptor = -1
        url = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._keeper = sqlite3.connect(url, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            if not os.access(path, os.R_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from error
            raise OSError(errno.EIO, str(error), str(path)) from error
        self.close = self._keeper.close

    def read(self, count: int) -> bytes | None:
        """Its first bytes; None where they cannot be read (any more)."""
        if (found := _read(self._descriptor, self._file, count)) is not None:
            return found
        if (other := _read_any(self._file, count)) is None:
            return None
        self._descriptor, found = other
        return found


def _read_any(file: Identity, count: int) -> tuple[int, bytes] | None:
    """A descriptor of a file that this process has open, and what it reads."""
    for number in _descriptors():
        if (found := _read(number, file, count)) is not None:
            return number, found
    return None


def _read(descriptor: int, file: Identity, count: int) -> bytes | None:
    """What a descriptor reads, if it is one of the file: whoever opened it, the bytes are these."""
    try:
        if _of(descriptor) != file:
            return None
        found = os.pread(descriptor, count, 0)
        # Another thread may have closed it meanwhile, and its number be another file's.
        return found if _of(descriptor) == file else None
    except OSError:  # closed, or open for writing only
        return None


def _of(descriptor: int) -> Identity:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _descriptors() -> Iterator[int]:
    """Numbers that may be open descriptors of this process."""
    with suppress(OSError):
        yield from [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    yield from range(_MOST)
