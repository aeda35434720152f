"""Where a backup may be written, and what it may replace."""

from __future__ import annotations

import errno
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tradingkb.exceptions import InvalidInputError
from tradingkb.sql import first_bytes
from tradingkb.stores.backup_contents import is_backup

SIDECARS: Final = ("-wal", "-shm", "-journal")
#: The log of a SQLite database, in either order of bytes.
_LOGS: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\xd9\xd5\x05\xf9")
_MAGIC: Final = b"SQLite format 3\x00"
#: Byte 18 of a SQLite file is 2 when it was last opened in WAL mode, as stores are.
WAL_BYTE, WAL = 18, 2


def refuse_place(path: Path, *, replace: bool) -> None:
    """Refuses a place where no backup can be, or where something would be lost.

    Raises:
        InvalidInputError: the path exists (without `replace`), is no regular file, or is or would
            be a part of a database that is no backup.
    """
    kind = _kind(path)
    if kind is not None and stat.S_ISDIR(kind):
        raise _refusal(f"{path} is a folder", "name a file in it")
    if not path.parent.is_dir():
        raise _refusal(f"the folder {path.parent} does not exist", "create it, or name another")
    if kind is None and path.is_symlink():
        raise _refusal(f"{path} is a link that leads nowhere", "remove it, or name another file")
    if kind is not None and not stat.S_ISREG(kind):
        raise _refusal(f"{path} is no regular file", "name another file")
    if kind is not None and not replace:
        raise _refusal(f"{path} exists", "name another file, or say replace=True")
    # A link to a file is judged by the file, though it is the link that would be replaced.
    for place in dict.fromkeys((path, path.resolve())):
        _refuse_parts(place)
    if kind is not None:
        _refuse_database(path)


def _kind(path: Path) -> int | None:
    """The mode of what stands there; None for nothing, and for a link to nothing.

    Raises:
        InvalidInputError: it is no path.
    """
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _refusal(f"{path} cannot be a path: it is too long", "shorten it") from None
        return None
    except ValueError as error:  # a NUL, or a text that no file system can hold
        reason = "no name of a file has" if isinstance(error, UnicodeError) else "holds a NUL, as"
        raise InvalidInputError(
            f"{str(path)!a} {reason}: it cannot be a path", field="path", remedy="name another file"
        ) from None


def _refuse_parts(path: Path) -> None:
    for suffix in SIDECARS:
        if path.with_name(path.name + suffix).exists():
            raise _refusal(
                f"{path} is a database in use ({path.name}{suffix} exists)", "name another file"
            )
        database = path.with_name(path.name.removesuffix(suffix))
        if path.name.endswith(suffix) and database.name and database.is_file():
            raise _refusal(f"{path} belongs to the database {database.name}", "name another file")


def _refuse_database(path: Path) -> None:
    """No other process has it open as a store: it would have a log."""
    try:
        head = first_bytes(path, 100)  # this process may have it open, as a store that is read only
    except OSError as error:
        raise _refusal(f"{path} cannot be read: {error.strerror}", "name another file") from error
    if head.startswith(_LOGS):
        raise _refusal(f"{path} is the log of a database", "name another file")
    # What was last opened as a store is not looked into: that would leave a log beside it.
    if head.startswith(_MAGIC) and (head[WAL_BYTE] == WAL or not _holds_backup(path)):
        raise _refusal(
            f"{path} is a database and no backup", "name another file, or remove it yourself"
        )


def _holds_backup(path: Path) -> bool:
    url = f"file:{quote(str(path.resolve()))}?mode=ro"
    try:
        with closing(sqlite3.connect(url, uri=True)) as connection:
            return is_backup(connection)
    except sqlite3.Error:  # a damaged one may be anything
        return False


def _refusal(message: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(message, field="path", remedy=remedy)
