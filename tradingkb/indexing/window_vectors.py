"""Vectors of windows, each made once, in batches of the size that their embedder asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np
import polars as pl

from tradingkb.domain import regime_from_json
from tradingkb.exceptions import UnembeddableError
from tradingkb.ports import Embedder, Floats32, WindowDocument

#: Windows whose vectors are kept: with 768 dimensions, and the texts that they are found by, 60 MB.
KEPT: Final = 10_000
#: What a window's vector depends on: the JSON texts of its regimes.
Regimes = tuple[str | None, str | None]
_REGIMES: Final = ("regime_is", "regime_oos")


class WindowVectors:
    """Makes the vectors of a run's trials.

    A model on a server takes its time for each window, and may fail or be killed at any: so work is
    cut into parts that need one call of it each, and what it has made is kept for later parts. One
    that is built in makes all vectors at once, faster than any of this.
    """

    def __init__(self, embedder: Embedder, kept: int = KEPT) -> None:
        """Has made nothing yet; keeps the vectors of so many windows, the newest ones."""
        self._embedder = embedder
        self._limit = kept
        self._made: dict[Regimes, Floats32] = {}
        self.refused: dict[Regimes, str] = {}

    def parts(self, work: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
        """All rows, at most `most` at a time; by window where the embedder has a batch size.

        Then the rows of one part need at most one batch, if the part before it has been embedded.

        Args:
            work: window_key, regime_is, regime_oos, the same in every row of a window.
            most: rows of a part.
        """
        if self._embedder.batch is None:
            yield from work.iter_slices(most)
            return
        work = work.sort("window_key", maintain_order=True)
        start = 0
        for end in self._ends(work, self._embedder.batch):
            yield from work[start:end].iter_slices(most)
            start = end

    def of(self, part: pl.DataFrame) -> Floats32:
        """One vector per row, shape (n, dimension).

        Zeros where nothing can be embedded; NaN where the model made no vector, for the reason that
        `refused` has by the window's regimes.
        """
        windows = _windows(part)
        regimes: list[Regimes] = windows.select(_REGIMES).rows()
        vectors = self._at_once(regimes) if self._embedder.batch is None else self._kept(regimes)
        place = {key: i for i, key in enumerate(windows["window_key"])}
        return vectors[np.array([place[key] for key in part["window_key"]], dtype=np.int64)]

    def _ends(self, work: pl.DataFrame, batch: int) -> Iterator[int]:
        """Where parts end, in rows: before the window that would be one too many to embed."""
        counts = work.group_by("window_key", maintain_order=True).len()["len"]
        row, fresh = 0, set[Regimes]()
        for regimes, n in zip(_windows(work).select(_REGIMES).rows(), counts, strict=True):
            if regimes not in self._made and regimes not in fresh:
                if len(fresh) == batch:
                    yield row
                    fresh = set()
                fresh.add(regimes)
            row += n
        if row:
            yield row

    def _kept(self, regimes: list[Regimes]) -> Floats32:
        """The vectors of windows, of which those are made that are not known."""
        fresh = iter(list(dict.fromkeys(r for r in regimes if r not in self._made)))
        while some := list(islice(fresh, self._embedder.batch)):
            self._made.update(zip(some, self._at_once(some), strict=True))
        found = np.array([self._made[r] for r in regimes], dtype=np.float32)
        for oldest in list(islice(self._made, max(len(self._made) - self._limit, 0))):
            del self._made[oldest]
        return found.reshape(len(regimes), self._embedder.dimension)

    def _at_once(self, regimes: list[Regimes]) -> Floats32:
        found, refused = embedded(self._embedder, [_document(*one) for one in regimes])
        self.refused.update({regimes[place]: why for place, why in refused.items()})
        return found


def embedded(
    embedder: Embedder, documents: Sequence[WindowDocument]
) -> tuple[Floats32, dict[int, str]]:
    """Vectors of windows, NaN where the model makes none, and why it makes none, by place."""
    try:
        return embedder.embed_documents(documents), {}
    except UnembeddableError as error:
        refused = dict(error.refused)
    good = [n for n in range(len(documents)) if n not in refused]
    found = np.full((len(documents), embedder.dimension), np.nan, dtype=np.float32)
    if good:
        found[good], others = embedded(embedder, [documents[n] for n in good])
        refused.update({good[place]: why for place, why in others.items()})
    return found, refused


def _document(before: str | None, during: str | None) -> WindowDocument:
    return WindowDocument(
        regime_from_json(before) if before else None, regime_from_json(during) if during else None
    )


def _windows(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("window_key", *_REGIMES).unique("window_key", maintain_order=True)
