"""What does not survive a fork: connections, and the threads of Polars.

Engines belong to the process that opened them, and a fork must not use their copies. The threads
of Polars are not copied at all, and whoever waits for them waits for ever.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from tradingkb.exceptions import ForkedError

# By dialect: an engine and what `execution_options` makes of it share one.
_OPENED: Final[WeakKeyDictionary[sa.Dialect, int]] = WeakKeyDictionary()


class _Polars:
    """Whether the pool of Polars runs in a process that is being forked, or died with one."""

    at_work = False
    dead = False


def opened_here(engine: sa.Engine) -> sa.Engine:
    """Remembers which process has opened an engine."""
    _OPENED[engine.dialect] = os.getpid()
    return engine


def refuse_fork(engine: sa.Engine) -> None:
    """Refuses an engine that was opened before this process was forked.

    Raises:
        ForkedError: it was.
    """
    here = os.getpid()
    if _OPENED.get(engine.dialect, here) != here:
        raise ForkedError


def refuse_dead_threads() -> None:
    """Refuses a process that was forked from one in which Polars had been at work.

    Known where the system names threads: on Linux.

    Raises:
        ForkedError: it was.
    """
    if _Polars.dead:
        raise ForkedError


def _before() -> None:
    names = Path("/proc/self/task").glob("*/comm")
    _Polars.at_work = any(_is_of_polars(name) for name in names)


def _is_of_polars(name: Path) -> bool:
    try:
        return name.read_text(encoding="utf-8", errors="replace").startswith("polars-0")
    except OSError:  # the thread has ended meanwhile
        return False


def _in_child() -> None:
    _Polars.dead = _Polars.dead or _Polars.at_work


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(before=_before, after_in_child=_in_child)
