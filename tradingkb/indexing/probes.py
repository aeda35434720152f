"""What models are compared on: some stored windows, and some of their regimes as questions.

Which ones is decided by hashes of their keys: the same store gives the same sample, in whatever
order its windows came, and a window that comes in later changes little of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tradingkb.domain import FEATURES, Angles, Regime, RegimeScaler, Side, regime_from_json
from tradingkb.indexing.neighbours import (
    FEWEST_WINDOWS,
    NOWHERE,
    Asked,
    Floats,
    Ints,
    NeighbourQuality,
    judge_neighbours,
)
from tradingkb.indexing.window_vectors import embedded
from tradingkb.ports import ContentStore, Embedder, WindowDocument
from tradingkb.progress import Progress

#: Windows that are embedded, and regimes that are asked, at most: with a language model of 50 texts
#: a second eight seconds.
WINDOWS: Final = 300
PROBES: Final = 100
_SIDES: Final[tuple[Side, ...]] = ("before", "during")


@dataclass(frozen=True)
class Probe:
    """A regime that is asked.

    Attributes:
        window: whose own regime it is, as an index into the windows of the sample.
        side: on which side of the scored part it was, and with which it is compared.
    """

    window: int
    side: Side
    regime: Regime


@dataclass(frozen=True)
class Sample:
    """Some windows of a workspace and some of their regimes.

    Attributes:
        windows: window_key, symbol, timeframe of each.
        documents: their regimes.
        probes: what is asked.
        asked: how far each window truly is from each probe.
        n_stored: windows of the workspace that have a regime.
    """

    windows: pl.DataFrame
    documents: tuple[WindowDocument, ...]
    probes: tuple[Probe, ...]
    asked: Asked
    n_stored: int

    @property
    def enough(self) -> bool:
        """Whether there are windows enough to tell a model from chance."""
        return len(self.documents) >= FEWEST_WINDOWS


def read_sample(store: ContentStore, workspace_id: str) -> Sample:
    """The sample of a workspace."""
    return draw(store.window_rows(workspace_id), store.scaler(workspace_id))


def draw(
    rows: pl.DataFrame,
    scaler: RegimeScaler | None,
    *,
    windows: int = WINDOWS,
    probes: int = PROBES,
) -> Sample:
    """Draws a sample; pure.

    Args:
        rows: `window_rows` of a workspace.
        scaler: of its regimes; None where none was ever measured.
        windows: at most so many.
        probes: at most so many regimes.
    """
    known = pl.col("regime_is").is_not_null() | pl.col("regime_oos").is_not_null()
    rows = rows.filter(known) if scaler is not None else rows.clear()
    keys = rows["window_key"].to_list()
    used = rows[sorted(range(len(keys)), key=lambda i: _hash(keys[i]))[:windows]]
    pairs = [(_read(a), _read(b)) for a, b in used.select("regime_is", "regime_oos").rows()]
    used = used.filter(pl.Series([any(pair) for pair in pairs], dtype=pl.Boolean))
    documents = tuple(WindowDocument(*pair) for pair in pairs if any(pair))
    place = used["window_key"].to_list()
    asked = sorted(_probes(documents), key=lambda p: _hash(f"{place[p.window]} {p.side}"))[:probes]
    return Sample(
        windows=used.select("window_key", "symbol", "timeframe"),
        documents=documents,
        probes=tuple(asked),
        asked=Asked(
            _distances(documents, asked, scaler),
            np.array([p.window for p in asked], dtype=np.int64),
            {"symbol": _codes(used["symbol"]), "quarter": _codes(_quarters(used))},
        ),
        n_stored=len(rows),
    )


def similarities(
    embedder: Embedder, sample: Sample, progress: Progress = lambda *_: None
) -> Floats:
    """How like each window is to each probe as the embedder sees it, shape (probes, windows).

    Args:
        embedder: of the model; windows come in batches of its size.
        sample: what is embedded.
        progress: told after each batch, and after each probe.

    Raises:
        BackendUnavailableError: the embedder's server does not answer.
    """
    documents, probes = sample.documents, sample.probes
    step, total = embedder.batch or max(len(documents), 1), len(documents) + len(probes)
    vectors = np.zeros((len(documents), embedder.dimension), dtype=np.float32)
    found = np.zeros((len(probes), len(documents)))
    for start in range(0, len(documents), step):
        part = documents[start : start + step]
        # A window that the model refuses is as one that it does not know: found last.
        vectors[start : start + step] = np.nan_to_num(embedded(embedder, part)[0])
        progress("embed", start + len(part), total)
    for row, probe in enumerate(probes):
        query = embedder.embed_query(probe.regime, probe.side)
        found[row] = vectors @ query.vector * query.scale
        progress("embed", len(documents) + row + 1, total)
    return np.where(vectors.any(axis=1) & np.isfinite(found), found, NOWHERE)


def neighbour_quality(
    embedder: Embedder, sample: Sample, progress: Progress = lambda *_: None
) -> NeighbourQuality:
    """How good the embedder's neighbours are; embeds nothing where nothing can be told.

    Arguments are those of `similarities`.

    Raises:
        BackendUnavailableError: the embedder's server does not answer.
    """
    if not sample.enough:
        return NeighbourQuality(None, None, None, None, len(sample.probes), len(sample.documents))
    return judge_neighbours(sample.asked, similarities(embedder, sample, progress))


def _probes(documents: Sequence[WindowDocument]) -> Iterator[Probe]:
    """Every regime that was measured, of either side."""
    for place, document in enumerate(documents):
        for side, regime in zip(_SIDES, (document.before, document.during), strict=True):
            if regime is not None:
                yield Probe(place, side, regime)


def _distances(
    documents: Sequence[WindowDocument], probes: Sequence[Probe], scaler: RegimeScaler | None
) -> Floats:
    found = np.full((len(probes), len(documents)), np.nan)
    if scaler is None:
        return found
    angles = {side: Angles.of(_scaled(documents, side, scaler)) for side in _SIDES}
    for row, probe in enumerate(probes):
        regime = scaler.transform(probe.regime.vector())
        found[row] = 1.0 - angles[probe.side].similarity(regime)
        found[row, probe.window] = np.nan
    return found


def _scaled(documents: Sequence[WindowDocument], side: Side, scaler: RegimeScaler) -> Floats:
    """Features of one side, or of the other where that one was not measured, as in every search."""
    pairs = [(d.before, d.during) if side == "before" else (d.during, d.before) for d in documents]
    regimes = [next(r for r in pair if r is not None) for pair in pairs]
    raw = np.array([regime.vector() for regime in regimes], dtype=np.float64)
    return scaler.transform(raw.reshape(len(regimes), len(FEATURES)))


def _read(text: str | None) -> Regime | None:
    """A stored regime; None where it says nothing."""
    regime = regime_from_json(text) if text else None
    return regime if regime is not None and regime.features else None


def _quarters(rows: pl.DataFrame) -> pl.Series:
    """When the scored part of each window lay."""
    start = pl.coalesce("oos_start", "is_start")
    return rows.select((start.dt.year().cast(pl.Int64) * 4 + start.dt.quarter()).alias("q"))["q"]


def _codes(groups: pl.Series) -> Ints:
    """A number per group; windows of which it is not known are one group."""
    return groups.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
