"""How good a model's neighbours are: 0 where it finds what exact search finds, 1 by chance; pure.

Each probe is a market regime that is asked as a question asks it. Of the k windows that a model
finds for it, the mean regime distance is taken, which exact search makes as small as it can be; the
mean over all windows is what choosing blindly gives. The loss is how far from the one to the other
the model's mean lies, over all probes together.

Windows of one symbol resemble each other, and so do those of one quarter; a few of them that a
model finds for every probe are luck that all probes share. So the interval is that of leaving out a
symbol, or a quarter, at a time, as window and as probe (the jackknife, with Student's t for one
degree of freedom less than there are groups: see `tradingkb.evaluate.clusters`), whichever of the
two is wider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Part
from tradingkb.ranking import t_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Windows that are looked for.
K: Final = 10
#: Of fewer windows ten are most of them, and whoever finds them shows nothing.
FEWEST_WINDOWS: Final = 20
#: Fewer symbols, or quarters, do not say how far another one may be from them.
FEWEST_GROUPS: Final = 5
#: A model whose interval reaches this is not known to be better than chance by more than a trifle.
CHANCE: Final = 0.9
LEVEL: Final = 0.95
#: Similarities that differ by less are the same: vectors are of single precision.
_DIGITS: Final = 6
#: The similarity of what cannot be found; of a probe's own window minus infinity.
NOWHERE: Final = -1e6
#: Means that differ by less are the same: then nothing can be lost.
_SAME: Final = 1e-9


@dataclass(frozen=True)
class Asked:
    """What is asked for neighbours, and how far each window truly is.

    Attributes:
        distance: shape (probes, windows), 1 - `regime_similarity`, in [0, 2]; NaN for the window
            that a probe is of, which must not be found.
        own: shape (probes,), index of that window.
        groups: by name, shape (windows,): windows of one group are not independent.
    """

    distance: Floats
    own: Ints
    groups: Mapping[str, Ints]

    @property
    def n_windows(self) -> int:
        """Windows that can be found."""
        return int(self.distance.shape[1])


@dataclass(frozen=True)
class Estimate(Part):
    """A figure with its 95 % interval.

    Attributes:
        value: NaN where nothing can be told.
        low, high: None where there are too few groups of either kind.
        over: by which groups the interval is: "symbol" or "quarter".
    """

    value: float
    low: float | None = None
    high: float | None = None
    over: str | None = None


@dataclass(frozen=True)
class NeighbourQuality(Part):
    """How good a model's neighbours are.

    Attributes:
        loss: 0 as good as exact search, 1 as good as chance; may lie outside. None where there are
            too few windows, or they do not differ.
        low, high: its 95 % interval; None where there is none.
        over: what was left out for it, "symbol" or "quarter": the wider of the two.
        n_probes, n_windows: how many regimes were asked for, among how many windows.
    """

    loss: float | None
    low: float | None
    high: float | None
    over: str | None
    n_probes: int
    n_windows: int

    @property
    def decided(self) -> bool:
        """Whether there is enough to judge the model by."""
        return self.high is not None

    @property
    def as_chance(self) -> bool:
        """Whether the model is not known to find better windows than chance does."""
        return self.high is not None and self.high >= CHANCE

    def __str__(self) -> str:
        asked = f"{self.n_probes:,} regimes asked of {self.n_windows:,} windows"
        if self.loss is None:
            few = self.n_windows < FEWEST_WINDOWS
            why = "are too few" if few else "do not differ"
            return f"neighbours not judged: {self.n_windows:,} windows with a regime {why}"
        if self.low is None or self.high is None:
            return f"neighbours lose {self.loss:.2f}, of too few symbols and quarters to be sure"
        return (
            f"neighbours lose {self.loss:.2f} ({self.low:.2f} to {self.high:.2f}; 0 as exact "
            f"search, 1 as chance; {asked}, 95 % over {self.over}s)"
        )


def judge_neighbours(asked: Asked, similarity: Floats) -> NeighbourQuality:
    """How good the neighbours of a model are.

    Args:
        asked: the probes and windows.
        similarity: shape (probes, windows), as the model sees it; `NOWHERE` for a window that it
            cannot find.
    """
    found = estimate(asked, lambda kept: loss(asked, similarity, kept))
    value = None if np.isnan(found.value) else found.value
    counts = len(asked.own), asked.n_windows
    return NeighbourQuality(value, found.low, found.high, found.over, *counts)


def lost_more(asked: Asked, one: Floats, other: Floats) -> Estimate:
    """By how much more the other of two models loses, on the same probes; arguments as above."""
    return estimate(asked, lambda kept: loss(asked, other, kept) - loss(asked, one, kept))


def loss(asked: Asked, similarity: Floats, kept: Bools | None = None, k: int = K) -> float:
    """How far from exact search towards chance the windows found lie.

    Args:
        asked: the probes and windows.
        similarity: shape (probes, windows).
        kept: shape (windows,): only these, as windows and as probes; None for all.
        k: how many windows are found.

    Returns:
        NaN where exact search gains nothing over chance, or nothing is asked.
    """
    kept = np.ones(asked.n_windows, dtype=bool) if kept is None else kept
    part = np.ix_(kept[asked.own], kept)
    distance, seen = asked.distance[part], similarity[part]
    n = distance.shape[1] - 1  # but for the probe's own
    if not distance.shape[0] or n <= k:
        return np.nan
    own = np.isnan(distance)
    known = np.where(own, 0.0, distance)
    found = (_shares(np.where(own, -np.inf, seen), k) * known).sum()
    exact = (_shares(np.where(own, -np.inf, -distance), k) * known).sum()
    chance = known.sum() * k / n
    gained = chance - exact
    return float((found - exact) / gained) if gained > _SAME * k * len(own) else np.nan


def _shares(similarity: Floats, k: int) -> Floats:
    """How much of each window is among the k nearest, shape (p, w), rows sum to k.

    Equally near ones share the places that are left, so that no order of the windows matters, and
    a model to which all are alike finds what chance finds.
    """
    rounded = np.round(similarity, _DIGITS)
    last = np.partition(rounded, -k, axis=1)[:, -k, None]
    nearer, tied = rounded > last, rounded == last
    left = k - nearer.sum(axis=1, keepdims=True)
    return np.asarray(nearer + tied * (left / tied.sum(axis=1, keepdims=True)))


def estimate(asked: Asked, figure: Callable[[Bools], float]) -> Estimate:
    """A figure of some windows, with the wider of the intervals by groups.

    Args:
        asked: whose windows, and their groups.
        figure: of the windows that are kept, shape (windows,).
    """
    everything = np.ones(asked.n_windows, dtype=bool)
    value = np.nan if asked.n_windows < FEWEST_WINDOWS else float(figure(everything))
    if np.isnan(value):
        return Estimate(np.nan)
    widths = {over: _half_width(value, groups, figure) for over, groups in asked.groups.items()}
    known = {over: width for over, width in widths.items() if np.isfinite(width)}
    if not known:
        return Estimate(value)
    over = max(known, key=lambda name: known[name])
    return Estimate(value, value - known[over], value + known[over], over)


def _half_width(value: float, groups: Ints, figure: Callable[[Bools], float]) -> float:
    """Half of the interval by leaving out one group at a time; NaN where that says too little."""
    labels = np.unique(groups)
    if len(labels) < FEWEST_GROUPS:
        return np.nan
    moved = np.array([figure(groups != label) for label in labels]) - value
    return t_quantile((1 + LEVEL) / 2, len(labels) - 1) * float(np.sqrt((moved**2).sum()))
