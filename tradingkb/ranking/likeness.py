"""What windows of a like regime say beside all others, and how far a regime says anything.

Whether a regime matters is a property of the store. It is estimated from pairs of windows that
share no day: where sets that did better than usual in one did so in the other, the more alike the
two are, the regime decides (products regressed on likeness; Haseman and Elston 1972). The estimate
counts two standard errors, by quarter, below itself: a regime that does not last says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.cells import WindowKeys
from tradingkb.ranking.instruments import SURE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Windows whose likeness to all others is looked at; more say little more.
TARGETS: Final = 128
#: Quarters that have to be among them.
MIN_QUARTERS: Final = 6


@dataclass(frozen=True)
class Likeness:
    """What a like regime is worth.

    Attributes:
        sure: variance of what it decides, as far as that is sure, 0 or more.
        noise: variance of one window around its set's mean.
    """

    sure: float
    noise: float

    @property
    def prior(self) -> float:
        """Kernel mass at which like windows count half; infinite where they say nothing."""
        return self.noise / self.sure if self.sure > 0 else np.inf


@dataclass(frozen=True)
class Worth:
    """What a like regime is worth: for the sets beside each other, and for all of them alike."""

    sets: Likeness
    level: Likeness


def targets(windows: Ints, keys: WindowKeys) -> Ints:
    """Windows to look at, evenly over time."""
    order = windows[np.argsort(keys.start[windows], kind="stable")]
    if len(order) <= TARGETS:
        return order
    return order[np.linspace(0, len(order) - 1, TARGETS).round().astype(np.int64)]


def likeness(
    value: Floats, windows: Ints, looked_at: Ints, kernel: Floats, keys: WindowKeys
) -> Likeness:
    """What a like regime is worth for some values of windows.

    Args:
        value: shape (k, a), of each of `windows` beside its columns' means, 0 where unknown.
        windows: shape (k,), their indices.
        looked_at: shape (t,), indices of windows among them.
        kernel: shape (t, k), regime likeness in [0, 1].
        keys: of every window.
    """
    noise = float((value**2).mean()) if value.size else 1.0
    start, end = keys.start, keys.end
    apart = (end[windows][None, :] <= start[looked_at][:, None]) | (
        end[looked_at][:, None] <= start[windows][None, :]
    )
    n = apart.sum(axis=1)
    if not (n > 0).any() or len(np.unique(keys.quarter[looked_at])) < MIN_QUARTERS:
        return Likeness(0.0, noise)
    near = kernel * apart
    mean = near.sum(axis=1) / np.maximum(n, 1)
    centred = (kernel - mean[:, None]) * apart
    place = np.searchsorted(np.sort(windows), looked_at)
    mine = value[np.argsort(windows, kind="stable")[place]]
    products = (centred @ value * mine).mean(axis=1)
    spread = (centred * kernel).sum(axis=1)
    total = float(spread.sum())
    if total <= 0:
        return Likeness(0.0, noise)
    found = float(products.sum()) / total
    _, quarter = np.unique(keys.quarter[looked_at], return_inverse=True)
    off = np.bincount(quarter, products - found * spread)
    error = float(np.sqrt((off**2).sum() * len(off) / max(len(off) - 1, 1))) / total
    return Likeness(max(found - SURE * error, 0.0), noise)
