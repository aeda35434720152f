"""Stores of the benchmark, made when they are first needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from tradingkb.bench.data import counts, make_trials, make_windows, strategies
from tradingkb.bench.events import DAYS, make_events
from tradingkb.bench.knowledge import open_kb
from tradingkb.bench.processes import Process
from tradingkb.bench.sizes import Sizes
from tradingkb.workspaces import DEFAULT_WORKSPACE


@dataclass(frozen=True)
class Ingested:
    """A store that was just filled.

    Attributes:
        home: its folder.
        seconds: how long the ingest took.
        peak_mb: the most memory that its process held, in 10^6 bytes.
    """

    home: Path
    seconds: float
    peak_mb: float


class Stores:
    """Parquet files and stores of made-up trials in one folder."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.folder = folder
        self.sizes = sizes
        self._filled: dict[int, Ingested] = {}
        self._events: tuple[Path, datetime] | None = None

    @cached_property
    def windows(self) -> pl.DataFrame:
        """The windows that all trials share."""
        return make_windows(self.sizes.windows)

    def events(self) -> tuple[Path, datetime]:
        """The home of a store with a month of answers up to now, and when the first was given."""
        if self._events is None:
            home, start = self.folder / "events", datetime.now(UTC) - timedelta(days=DAYS)
            with open_kb(home) as kb:
                space = kb.use_cases.workspaces.find(DEFAULT_WORKSPACE, create_default=True)
                for some in make_events(space.id, self.sizes.events, start):
                    kb.use_cases.store.save_events(some)
            self._events = home, start
        return self._events

    def trials(self, total: int) -> Path:
        """A Parquet file of that many trials."""
        path = self.folder / f"trials_{total}.parquet"
        if not path.exists():
            made = make_trials(self.windows, counts(total, self.sizes.asked_of(total)))
            made.write_parquet(path)
        return path

    def filled(self, total: int) -> Ingested:
        """The store of that many trials, which nobody changes."""
        if total not in self._filled:
            done = self._filled[total] = self._ingest(total, self.folder / f"store_{total}")
            with open_kb(done.home) as kb:
                for strategy in strategies():
                    kb.register_strategy(strategy.spec)
        return self._filled[total]

    @contextmanager
    def fresh(self, total: int) -> Iterator[Ingested]:
        """Another store of that many trials, which is removed afterwards."""
        home = self.folder / f"fresh_{total}"
        try:
            yield self._ingest(total, home)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    @contextmanager
    def copied(self, total: int) -> Iterator[Path]:
        """A copy of the store of that many trials that may be changed, removed afterwards."""
        home = self.folder / f"copy_{total}"
        shutil.copytree(self.filled(total).home, home)
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _ingest(self, total: int, home: Path) -> Ingested:
        with Process("ingest", self.trials(total), home) as process:
            told = process.hear()
        if told["inserted"] != total:
            raise RuntimeError(f"{told['inserted']} of {total} trials were inserted")
        return Ingested(home, told["seconds"], told["peak_mb"])
