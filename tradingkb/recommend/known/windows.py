"""The windows of one strategy's trials as arrays, and what tables show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import (
    FEATURES,
    REGIME_SCHEMA_VERSION,
    Regime,
    RegimeScaler,
    Side,
    regime_from_json,
)
from tradingkb.ranking import WindowKeys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_DATES: Final = ("is_start", "is_end", "oos_start", "oos_end")


@dataclass(frozen=True)
class RegimeFacts:
    """What an answer reads of a window's regime: raw features (16,), sorted tags, schema."""

    vector: Floats
    tags: tuple[str, ...]
    current_schema: bool


_NO_REGIME: Final = RegimeFacts(np.full(len(FEATURES), np.nan), (), False)


# Windows keep their regimes when trials are added, and several strategies share them.
@lru_cache(maxsize=16_384)
def regime_facts(text: str) -> RegimeFacts:
    """Reads a stored regime."""
    regime = regime_from_json(text)
    current = regime.schema_version == REGIME_SCHEMA_VERSION
    return RegimeFacts(regime.vector(), tuple(sorted(regime.tags)), current)


@dataclass(frozen=True)
class TagTable:
    """Tags of one side of each window.

    Attributes:
        names: every tag that any window carries, sorted.
        carried: shape (w, len(names)).
        lists: the tags of each window as a list column of length w.
    """

    names: list[str]
    carried: Bools
    lists: pl.Series

    def covering(self, tags: Sequence[str]) -> Bools:
        """Which windows carry all of these tags, shape (w,)."""
        if not set(tags) <= set(self.names):
            return np.zeros(len(self.carried), dtype=bool)
        return np.asarray(self.carried[:, [self.names.index(t) for t in tags]].all(axis=1))

    def overlap(self, tags: Sequence[str]) -> Floats:
        """Jaccard overlap |a and b| / |a or b| with these tags, 0 when both are empty; (w,)."""
        asked = np.isin(self.names, list(tags))
        shared = self.carried[:, asked].sum(axis=1)
        union = self.carried.sum(axis=1) + len(set(tags)) - shared
        return np.asarray(shared / np.maximum(union, 1), dtype=np.float64)


@dataclass(frozen=True)
class Windows:
    """The windows of a view, sorted by key; arrays of shape (w,).

    `before` and `during` are what is known of the regime on either side of the scored window; a
    side that was not measured falls back to the other one, as in the embedder; `own_before` and
    `own_during` say where it did not.
    """

    frame: pl.DataFrame
    before: list[RegimeFacts]
    during: list[RegimeFacts]
    own_before: Bools
    own_during: Bools
    symbol: NDArray[np.object_]
    timeframe: NDArray[np.object_]
    quarter: Ints

    def __len__(self) -> int:
        return len(self.quarter)

    def raw(self, side: Side) -> Floats:
        """Raw regime features of one side, shape (w, 16), NaN where unknown."""
        return self._raw_during if side == "during" else self._raw_before

    def tags(self, side: Side) -> TagTable:
        """The tags of one side."""
        return self._tags_during if side == "during" else self._tags_before

    @cached_property
    def _raw_before(self) -> Floats:
        return _matrix(self.before)

    @cached_property
    def _raw_during(self) -> Floats:
        return _matrix(self.during)

    @cached_property
    def _tags_before(self) -> TagTable:
        return _tag_table(self.before)

    @cached_property
    def _tags_during(self) -> TagTable:
        return _tag_table(self.during)

    @cached_property
    def current_schema(self) -> Bools:
        """Whether either side was measured with the current regime schema."""
        pairs = zip(self.before, self.during, strict=True)
        return np.array([a.current_schema or b.current_schema for a, b in pairs], dtype=bool)

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Window key to index."""
        return {key: i for i, key in enumerate(self.frame["window_key"])}

    @cached_property
    def years(self) -> dict[str, Floats]:
        """Length of the in-sample ("is") and out-of-sample ("oos") part in years, NaN unknown."""
        return {sample: self._years(sample) for sample in ("is", "oos")}

    def _years(self, sample: str) -> Floats:
        length = self.frame[f"{sample}_end"] - self.frame[f"{sample}_start"]
        seconds = length.dt.total_seconds(fractional=True).cast(pl.Float64).to_numpy()
        return np.asarray(seconds / (365.25 * 86400))

    def keys(self, *, in_sample: bool) -> WindowKeys:
        """When and where each window lies, by its scored part."""
        return self._keys_inside if in_sample else self._keys_outside

    @cached_property
    def _keys_outside(self) -> WindowKeys:
        return self._make_keys("oos")

    @cached_property
    def _keys_inside(self) -> WindowKeys:
        return self._make_keys("is")

    def _make_keys(self, sample: str) -> WindowKeys:
        start, end = (self._micros(sample, side) for side in ("start", "end"))
        return WindowKeys(self.quarter, _codes(self.symbol), _codes(self.timeframe), start, end)

    def _micros(self, sample: str, side: str) -> Floats:
        """A date of one part as microseconds, of the other part where it has none; NaN unknown."""
        other = {"oos": "is", "is": "oos"}[sample]
        column = self.frame[f"{sample}_{side}"].fill_null(self.frame[f"{other}_{side}"])
        return column.cast(pl.Int64).cast(pl.Float64).to_numpy()

    @cached_property
    def dated(self) -> pl.DataFrame:
        """Symbol, timeframe and the four dates, for tables of trials."""
        return self.frame.select("symbol", "timeframe", *_DATES)

    @cached_property
    def scored(self) -> pl.DataFrame:
        """Key, symbol, timeframe and the dates of the scored part, for tables of windows."""
        return self.frame.select(
            "window_key",
            "symbol",
            "timeframe",
            pl.coalesce("oos_start", "is_start").alias("start"),
            pl.coalesce("oos_end", "is_end").alias("end"),
        )

    @cached_property
    def chronological(self) -> Ints:
        """Each window's place by start of its scored part, symbol, timeframe, key."""
        rows = self.scored.with_row_index("row")
        order = rows.sort("start", "symbol", "timeframe", "window_key")["row"].to_numpy()
        places = np.empty(len(self), dtype=np.int64)
        places[order] = np.arange(len(self))
        return places

    def fit_scaler(self, used: Bools) -> RegimeScaler | None:
        """A scaler fitted on both sides of the windows in `used`; None without any regime."""
        raw = np.vstack([self._raw_before[used], self._raw_during[used]])
        raw = raw[np.isfinite(raw).any(axis=1)]
        return RegimeScaler.fit(raw, version=0) if len(raw) else None


def make_windows(frame: pl.DataFrame) -> Windows:
    """Windows from rows of `window_rows`, sorted by key."""
    before = [regime_facts(t) if t else None for t in frame["regime_is"]]
    during = [regime_facts(t) if t else None for t in frame["regime_oos"]]
    scored = pl.coalesce("oos_start", "is_start", "oos_end", "is_end")
    quarter = scored.dt.year().cast(pl.Int64) * 4 + (scored.dt.month() - 1) // 3
    return Windows(
        frame=frame.drop("regime_is", "regime_oos"),
        before=[a or b or _NO_REGIME for a, b in zip(before, during, strict=True)],
        during=[b or a or _NO_REGIME for a, b in zip(before, during, strict=True)],
        own_before=np.array([a is not None for a in before], dtype=bool),
        own_during=np.array([b is not None for b in during], dtype=bool),
        symbol=frame["symbol"].to_numpy().astype(object),
        timeframe=frame["timeframe"].to_numpy().astype(object),
        quarter=frame.select(quarter.fill_null(0).cast(pl.Int64)).to_series().to_numpy(),
    )


def _matrix(facts: list[RegimeFacts]) -> Floats:
    rows = [f.vector for f in facts]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _tag_table(facts: list[RegimeFacts]) -> TagTable:
    # Hundreds of windows share a few dozen combinations.
    places: dict[tuple[str, ...], int] = {}
    place = np.array([places.setdefault(f.tags, len(places)) for f in facts], dtype=np.int64)
    names = sorted({tag for tags in places for tag in tags})
    carried = np.array([[n in tags for n in names] for tags in places], dtype=bool)
    lists = pl.Series("tags", [list(tags) for tags in places], dtype=pl.List(pl.String))
    return TagTable(names, carried.reshape(len(places), len(names))[place], lists.gather(place))


def side_of(regime: Regime) -> Side:
    """A measured regime is what came before the future, a stated one is what it will be like."""
    return "during" if regime.source == "stated" else "before"


def _codes(names: NDArray[np.object_]) -> Ints:
    """A code per distinct name by its order; -1 for none."""
    known = sorted({name for name in names if name is not None})
    code = {name: k for k, name in enumerate(known)}
    return np.array([-1 if name is None else code[name] for name in names], dtype=np.int64)
