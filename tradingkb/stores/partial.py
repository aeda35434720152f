"""The folder in which a file is made before it gets its name, and those that killed processes left.

Whoever makes a file holds the lock of its folder, and the system gives it up when the process ends,
however that happens: what nobody holds is left over.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_SUFFIX: Final = ".partial"
_NEW: Final = ".new"
_LOCK: Final = "lock"
_NAME: Final = re.compile(r"\..+\.[a-z0-9_]{8}\.(new|partial)(-wal|-shm|-journal)?")
#: Releases before this one made a file without a lock. None of them wrote for so long.
_ABANDONED_S: Final = 24 * 3600.0


@contextmanager
def partial(path: Path) -> Iterator[Path]:
    """A file to be made beside `path`; what is left of it at the end is removed.

    First goes what killed processes have left in the folder of `path`.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=_NEW, dir=path.parent))
    try:
        with _held(folder / _LOCK, create=True):
            # Only now others may look whether it is left over: they would find no lock before.
            folder = folder.rename(folder.with_suffix(_SUFFIX))
            _remove_leftovers(folder)
            yield folder / "file"
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # it must not hide what happened


def _remove_leftovers(mine: Path) -> None:
    now = mine.stat().st_mtime  # by the clock of the disk, not of this machine
    with contextlib.suppress(OSError):
        for found in list(mine.parent.glob(".*.*")):
            with contextlib.suppress(OSError):
                _remove(found, mine, now)


def _remove(found: Path, mine: Path, now: float) -> None:
    if found == mine or found.is_symlink() or not _NAME.fullmatch(found.name):
        return
    if found.suffix == _SUFFIX and found.is_dir():
        with _held(found / _LOCK, create=False):
            shutil.rmtree(found, ignore_errors=True)
    elif found.stat().st_mtime < now - _ABANDONED_S:
        shutil.rmtree(found) if found.is_dir() else found.unlink()


@contextmanager
def _held(lock: Path, *, create: bool) -> Iterator[None]:
    """Holds a lock.

    Raises:
        OSError: another process holds it.
    """
    handle = os.open(lock, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        windows: Any = msvcrt
        windows.locking(handle, windows.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
