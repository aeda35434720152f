"""What another process does to a store that a test has open."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.forked import CONTEXT


def begun(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """A process that does it; of a module that imports little, since it is imported there."""
    process = CONTEXT.Process(target=function, args=arguments, daemon=True)
    process.start()
    return process


def ended(process: BaseProcess) -> None:
    """Waits until it is done; its traceback, if any, is on stderr."""
    process.join(60)
    assert process.exitcode == 0


def printed(code: str, *arguments: str, exitcode: int = 0) -> str:
    """Runs Python in another process: what it printed, where it ended with that code.

    Args:
        code: sees the arguments in `sys.argv`, from 1 on.
        exitcode: of the process; below zero, the signal that killed it.
    """
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = begun(_print, theirs, code, arguments)
    theirs.close()
    try:
        said = str(ours.recv())
    except EOFError:
        said = ""
    process.join(60)
    assert process.exitcode == exitcode
    return said


def _print(connection: Connection, code: str, arguments: tuple[str, ...]) -> None:
    sys.argv = ["-c", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        exec(code, {"__name__": "__main__"})
    connection.send(told.getvalue())


def upsert_a_point(url: str) -> None:
    from tradingkb.sql.engine import open_engine
    from tradingkb.testing.sample_points import AWAY, points
    from tradingkb.vectors.embedded import EmbeddedVectorIndex

    index = EmbeddedVectorIndex(open_engine(url))
    index.upsert("kb", points((7, AWAY, {"window_key": "late"})))


def write_a_trial(url: str) -> None:
    from tradingkb.sql.engine import open_engine
    from tradingkb.stores import SqlTrialStore
    from tradingkb.testing.stored import WORKSPACE, trial_frame

    store = SqlTrialStore(open_engine(url))
    store.write_trials(WORKSPACE, trial_frame(store, {"source_id": "late"}))


def ingest_by_fours(home: Path, file: Path) -> None:
    import polars as pl

    import tradingkb as tkb

    with tkb.connect(home, progress=False) as kb:
        for part in pl.read_parquet(file).iter_slices(4):
            kb.ingest(part)
        kb.ingest()
