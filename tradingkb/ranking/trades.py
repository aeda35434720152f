"""How often parameter sets trade, beside each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def few_trades_penalty(n_trades: Floats) -> Floats:
    """Percentile rank of each set's number of in-sample trades, 0.5 where unknown; shape (p,)."""
    known = np.isfinite(n_trades)
    result = np.full(len(n_trades), 0.5)
    values = n_trades[known]
    if len(values):
        below = np.searchsorted(np.sort(values), values, side="left")
        upto = np.searchsorted(np.sort(values), values, side="right")
        result[known] = (below + upto) / 2.0 / len(values)
    return result
