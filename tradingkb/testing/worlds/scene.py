"""What a world is drawn on: windows, instruments and a grid of parameter sets, and their luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import canonical_params
from tradingkb.testing.worlds.memory import COLUMNS, NOW, World

Floats = NDArray[np.float64]

_YEAR: Final = timedelta(days=365)
#: Single windows that are drawn anew, to see how many the interval of luck holds.
_FRESH: Final = 400


@dataclass(frozen=True)
class Calendar:
    """The windows of an instrument; the last one ends at `NOW`.

    Attributes:
        n: how many.
        step: pieces from the start of one to the start of the next; below `length` they overlap.
        length: pieces that one covers.
        piece: of which length a piece is.
    """

    n: int
    step: int
    length: int
    piece: Literal["month", "day"] = "month"

    @property
    def n_pieces(self) -> int:
        """Pieces from the first start to the last end."""
        return (self.n - 1) * self.step + self.length

    def over(self, pieces: Floats) -> Floats:
        """Sums over the pieces of each window, of the variance of one piece.

        Args:
            pieces: shape (n_pieces, ...), independent of each other.

        Returns:
            Shape (n, ...): windows that share dates share their luck.
        """
        before = np.concatenate([np.zeros_like(pieces[:1]), np.cumsum(pieces, axis=0)])
        first = np.arange(self.n) * self.step
        return np.asarray((before[first + self.length] - before[first]) / np.sqrt(self.length))

    def dates(self) -> list[tuple[datetime, datetime]]:
        """Start and end of each window, UTC."""
        first = np.arange(self.n) * self.step - self.n_pieces
        return [(self._moment(int(f)), self._moment(int(f) + self.length)) for f in first]

    def _moment(self, pieces: int) -> datetime:
        if self.piece == "day":
            return NOW + timedelta(days=pieces)
        years, month = divmod(NOW.month - 1 + pieces, 12)
        return NOW.replace(year=NOW.year + years, month=month + 1)


HALF_YEARS: Final = Calendar(20, 6, 6)


def quarters(n: int) -> Calendar:
    """So many quarters, one after the other."""
    return Calendar(n, 3, 3)


@dataclass(frozen=True)
class Scene:
    """Where trials are made: t windows of s symbols, p parameter sets.

    Attributes:
        calendar: the windows of every symbol.
        n_symbols: s.
        grid: values of either parameter; p is their product.
        noise: sd of the luck of one set in one window of one symbol, annualised Sharpe.
        factor: sd of what a window's dates do to every set of every symbol alike.
        first: number of the first symbol.
        timeframe: of all windows.
    """

    calendar: Calendar = HALF_YEARS
    n_symbols: int = 8
    grid: tuple[int, int] = (5, 6)
    noise: float = 1.0
    factor: float = 0.5
    first: int = 0
    timeframe: str = "1d"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(t, s, p)."""
        return self.calendar.n, self.n_symbols, self.n_sets

    @property
    def n_sets(self) -> int:
        """Parameter sets, p."""
        return self.grid[0] * self.grid[1]

    @cached_property
    def symbols(self) -> list[str]:
        """Names of the instruments."""
        return [f"S{self.first + n}" for n in range(self.n_symbols)]

    @cached_property
    def sets(self) -> list[str]:
        """Canonical texts of the parameter sets: `fast` is the slow index of the grid."""
        return [
            canonical_params({"fast": 5 * (i + 1), "slow": 40 * (j + 1)})
            for i in range(self.grid[0])
            for j in range(self.grid[1])
        ]

    def common(self, rng: np.random.Generator) -> Floats:
        """What the dates of each window do to everyone, shape (t,)."""
        return self.calendar.over(rng.normal(0.0, self.factor, self.calendar.n_pieces))

    def luck(
        self,
        rng: np.random.Generator,
        wild: Floats | float = 1.0,
        common: Floats | None = None,
    ) -> Floats:
        """Noise and common factor of every window, symbol and set, shape (t, s, p).

        Args:
            rng: draws it.
            wild: shape (s,), by how much a symbol's luck is larger than that of the others.
            common: shape (t,), the factor where it is shared with another scene.
        """
        _, s, p = self.shape
        alone = self.calendar.over(rng.normal(0.0, self.noise, (self.calendar.n_pieces, s, p)))
        shared = self.common(rng) if common is None else common
        scale = np.broadcast_to(np.asarray(wild, dtype=np.float64), (s,))[None, :, None]
        return np.asarray(scale * (alone + shared[:, None, None]))

    def fresh(self, rng: np.random.Generator, mean: Floats, wild: float = 1.0) -> Floats:
        """Single windows that nobody has seen, of a symbol whose sets have this mean; (400, p)."""
        alone = rng.normal(0.0, self.noise, (_FRESH, len(mean)))
        return np.asarray(mean + wild * (alone + rng.normal(0.0, self.factor, (_FRESH, 1))))


@dataclass(frozen=True)
class Recorded:
    """What is written beside the score of trials, as text of a regime or a count.

    Attributes:
        before, during: shape (t, s), regimes of the windows as JSON; None where not measured.
        trades: shape (p,), in-sample trades of a set.
    """

    before: NDArray[np.object_] | None = None
    during: NDArray[np.object_] | None = None
    trades: Sequence[int] | None = None


def stored(scene: Scene, scores: Floats, recorded: Recorded | None = None) -> World:
    """The trials of a scene: they pass the strict filters, and carry no in-sample score.

    Args:
        scene: where they were made.
        scores: shape (t, s, p), out-of-sample Sharpe ratios; NaN where a set was not tried.
        recorded: what is written beside the score.
    """
    beside = recorded or Recorded()
    t, s, p = (index.ravel() for index in np.nonzero(np.isfinite(scores)))
    windows = _windows(scene, beside)
    trades = np.full(scene.n_sets, 40) if beside.trades is None else np.asarray(beside.trades)
    of_window = windows[(t * scene.n_symbols + s).astype(np.uint32)]
    texts = pl.Series("params", scene.sets).gather(p)
    rows = of_window.with_columns(
        texts,
        trial_id=pl.int_range(1, len(t) + 1, dtype=pl.Int64),
        source_type=pl.lit("import"),
        source_id=pl.format("{}:{}", "window_key", texts),
        sharpe_oos=pl.Series(scores[t, s, p]),
        max_drawdown_frac_oos=pl.lit(0.1),
        n_trades_is=pl.Series(trades[p].astype(np.int64)),
        n_trades_oos=pl.lit(20, dtype=pl.Int64),
        known_at="oos_end",
        created_at="oos_end",
        kb_status=pl.lit("candidate"),
    )
    missing = [pl.lit(None, dtype=COLUMNS[c]).alias(c) for c in COLUMNS if c not in rows.columns]
    return World(rows.with_columns(missing).select(*COLUMNS).cast(pl.Schema(COLUMNS)))


def _windows(scene: Scene, recorded: Recorded) -> pl.DataFrame:
    """One row per window and symbol, the symbols of a window one after the other."""
    dates = scene.calendar.dates()
    named = [f"{scene.timeframe}:{start:%Y-%m-%d}:{end:%Y-%m-%d}" for start, end in dates]
    keys = [f"{symbol}:{name}" for name in named for symbol in scene.symbols]
    symbols = scene.symbols * len(dates)
    start, end = ([date[side] for date in dates for _ in scene.symbols] for side in (0, 1))
    columns = {
        "window_key": keys,
        "symbol": symbols,
        "timeframe": [scene.timeframe] * len(keys),
        "is_start": [a - _YEAR for a in start],
        "is_end": start,
        "oos_start": start,
        "oos_end": end,
        "regime_is": _texts(recorded.before, len(keys)),
        "regime_oos": _texts(recorded.during, len(keys)),
    }
    return pl.DataFrame(columns, schema={name: COLUMNS[name] for name in columns})


def _texts(given: NDArray[np.object_] | None, n: int) -> list[str | None]:
    return [None] * n if given is None else list(given.ravel())
