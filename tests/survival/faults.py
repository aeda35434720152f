"""What can go wrong in a process, at a place that is chosen and not hoped for.

A fault is armed inside the process that suffers it; the product knows nothing of it. Whatever a
store keeps it keeps by committing, so "before the n-th commit" reaches every gap between two
writes, whatever the methods that write are called.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sqlite3
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import sqlalchemy as sa


class Fault:
    """Something that happens to the process in which it is armed."""

    def arm(self, connection: Connection) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class KilledAtCommit(Fault):
    """SIGKILL instead of the n-th commit, counted from 1."""

    number: int

    def arm(self, connection: Connection) -> None:
        _before_commit(self.number, lambda: os.kill(os.getpid(), signal.SIGKILL))


@dataclass(frozen=True)
class KilledAtWrite(Fault):
    """SIGKILL instead of the n-th statement that writes, in the middle of a transaction."""

    number: int

    def arm(self, connection: Connection) -> None:
        writes = 0

        @sa.event.listens_for(sa.Engine, "before_cursor_execute")
        def count(_: sa.Connection, __: Any, statement: str, *___: Any) -> None:
            nonlocal writes
            writes += not statement.lstrip().startswith(("SELECT", "PRAGMA", "BEGIN"))
            if writes == self.number:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class PausedAtCommit(Fault):
    """Stands still inside the n-th transaction, its writes done, until it is told to go on."""

    number: int

    def arm(self, connection: Connection) -> None:
        def pause() -> None:
            connection.send(("paused", None))
            connection.recv()

        _before_commit(self.number, pause)


@dataclass(frozen=True)
class FullStore(Fault):
    """The database may grow by so many pages and no more: SQLite then says that it is full."""

    pages: int

    def arm(self, connection: Connection) -> None:
        @sa.event.listens_for(sa.Engine, "connect")
        def limit(driver: sqlite3.Connection, _: Any) -> None:
            held = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count={held + self.pages}")


@dataclass(frozen=True)
class FullDisk(Fault):
    """No file may grow beyond so many bytes: the system refuses the write, as a full disk does."""

    size: int

    def arm(self, connection: Connection) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))


@dataclass(frozen=True)
class NoPrivileges(Fault):
    """Permissions bind, even the superuser: every capability is given up."""

    def arm(self, connection: Connection) -> None:
        if os.geteuid() != 0:
            return
        version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
        nothing = (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).capset(version_3, nothing) != 0:
            raise OSError(ctypes.get_errno(), "capset")


def _before_commit(number: int, action: Any) -> None:
    commits = 0

    @sa.event.listens_for(sa.Engine, "commit")
    def count(_: sa.Connection) -> None:
        nonlocal commits
        commits += 1
        if commits == number:
            action()
