"""What another process does to a store that a test has open."""

from __future__ import annotations

from collections.abc import Callable
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
