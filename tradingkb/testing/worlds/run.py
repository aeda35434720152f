"""Draws the worlds of rows, asks, and takes means: one seed per repeat, the same for every row."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from tradingkb.testing.worlds.better import BETTER
from tradingkb.testing.worlds.case import Figures, measure
from tradingkb.testing.worlds.changed import CHANGED
from tradingkb.testing.worlds.noise import NOISE
from tradingkb.testing.worlds.row import Row, Wanted

ROWS: Final = {row.name: row for row in (*NOISE, *BETTER, *CHANGED)}
_SEED: Final = 10
#: Polars would start threads for every core in every process.
_THREADS: Final = "POLARS_MAX_THREADS"
#: Repeats that a process takes at once.
_CHUNK: Final = 5


@dataclass(frozen=True)
class Mean:
    """The mean of a figure over the repeats that know it, and its standard error."""

    value: float
    error: float
    n: int


@dataclass(frozen=True)
class Result:
    """What became of a row.

    Attributes:
        row: which.
        means: by figure.
        repeats: worlds that were drawn.
        seconds: of processor time.
    """

    row: Row
    means: Mapping[str, Mean]
    repeats: int
    seconds: float

    def met(self, wanted: Wanted) -> bool:
        """Whether a mean is where it should be; one that nobody knows is not."""
        mean = self.means.get(wanted.figure)
        return mean is not None and wanted.low <= mean.value <= wanted.high

    def within_noise(self, wanted: Wanted) -> bool:
        """Whether other repeats might say otherwise: a bound within two standard errors."""
        mean = self.means.get(wanted.figure)
        if mean is None:
            return False
        bounds = (wanted.low, wanted.high)
        return any(0 < abs(mean.value - bound) <= 2 * mean.error for bound in bounds)

    @property
    def all_met(self) -> bool:
        """Whether everything that is wanted holds."""
        return all(self.met(w) for w in self.row.wanted)


def repeat(name: str, number: int) -> tuple[Figures, float]:
    """The figures of one world of a row, and the seconds of processor time that it took."""
    start = time.process_time()
    figures = measure(ROWS[name].draw(np.random.default_rng([_SEED, number])))
    return figures, time.process_time() - start


def run_row(name: str, repeats: int | None = None) -> Result:
    """A row in this process; as many repeats as it asks for when none are given."""
    row = ROWS[name]
    return _result(row, [repeat(name, n) for n in range(repeats or row.repeats)])


def run(names: Sequence[str], repeats: int | None = None, jobs: int = 1) -> Iterator[Result]:
    """The rows one after the other.

    Args:
        names: of rows.
        repeats: of each; as many as each asks for when none are given.
        jobs: processes.
    """
    if jobs == 1:
        yield from (run_row(name, repeats) for name in names)
        return
    with _one_thread(), ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        asked = {
            name: [
                pool.submit(_chunk, name, first, min(first + _CHUNK, n))
                for first in range(0, n, _CHUNK)
            ]
            for name in names
            for n in [repeats or ROWS[name].repeats]
        }
        for name, chunks in asked.items():
            yield _result(ROWS[name], [found for chunk in chunks for found in chunk.result()])


def _chunk(name: str, first: int, end: int) -> list[tuple[Figures, float]]:
    return [repeat(name, n) for n in range(first, end)]


def _result(row: Row, found: Sequence[tuple[Figures, float]]) -> Result:
    names = dict.fromkeys(name for figures, _ in found for name in figures)
    means = {
        name: _mean([figures[name] for figures, _ in found if name in figures]) for name in names
    }
    return Result(row, means, len(found), sum(seconds for _, seconds in found))


def _mean(values: Sequence[float]) -> Mean:
    known = np.array(values)
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.inf
    return Mean(float(known.mean()), error, len(known))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Child processes inherit what their Polars reads when it is imported."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
