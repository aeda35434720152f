"""Small tables of evidence, what is learnt from them, and questions to ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tradingkb.ranking.cells import Cells, WindowKeys, make_cells
from tradingkb.ranking.plateau import Plateau
from tradingkb.ranking.posterior import Query
from tradingkb.ranking.study import Learnt, study
from tradingkb.ranking.weights import EvidenceWeights

#: (window, parameter set, utility)
Trials = list[tuple[int, int, float]]
Floats = NDArray[np.float64]

N_WINDOWS, N_PSETS = 6, 4
DAY_US = 86_400e6
#: Quarters, so that values are exact in binary and ties happen.
utilities = st.integers(-20, 20).map(lambda n: n / 4)
tables: st.SearchStrategy[Trials] = st.lists(
    st.tuples(st.integers(0, N_WINDOWS - 1), st.integers(0, N_PSETS - 1), utilities),
    min_size=1,
    max_size=40,
)


def columns(trials: Trials) -> tuple[Any, Any, Any]:
    """Windows, parameter sets and utilities of (window, parameter set, utility) triples."""
    window, pset, utility = (np.array([t[i] for t in trials]) for i in range(3))
    return window.astype(np.int64), pset.astype(np.int64), utility.astype(np.float64)


def cells_of(trials: Trials, quarter: Sequence[int], n_psets: int) -> Cells:
    """Cells of (window, parameter set, utility) triples."""
    return make_cells(*columns(trials), np.array(quarter, dtype=np.int64), n_psets)


def trials_of(table: Floats) -> Trials:
    """Trials of a table, shape (w, p); NaN where a set was not tried."""
    return [(int(w), int(p), float(table[w, p])) for w, p in np.argwhere(np.isfinite(table))]


def keys_of(
    quarter: Sequence[int],
    symbol: Sequence[int] | None = None,
    timeframe: Sequence[int] | None = None,
    days: float = 90.0,
) -> WindowKeys:
    """Windows that begin with their quarter, every 90 days, and last so many days.

    They are of one timeframe and an unknown instrument unless these are given.
    """
    quarters = np.array(quarter, dtype=np.int64)
    start = quarters * 90.0 * DAY_US
    unknown, one = np.full(len(quarters), -1), np.zeros(len(quarters))
    return WindowKeys(
        quarter=quarters,
        symbol=np.array(unknown if symbol is None else symbol, dtype=np.int64),
        timeframe=np.array(one if timeframe is None else timeframe, dtype=np.int64),
        start=start,
        end=start + days * DAY_US,
    )


def strangers(n: int) -> Plateau:
    """Sets that have no neighbours."""
    return Plateau(np.zeros((n, 0)), np.arange(n))


def line(n: int) -> Plateau:
    """Sets one step apart in a row."""
    return Plateau(np.arange(n, dtype=np.float64)[:, None], np.zeros(n, dtype=np.int64))


def learnt_of(
    cells: Cells,
    keys: WindowKeys,
    *,
    timeframe: int = 0,
    plateau: Plateau | None = None,
    weights: EvidenceWeights | None = None,
) -> Learnt:
    """What trials say of a timeframe; sets have no neighbours unless a plateau of them is given."""
    active = np.unique(cells.pset)
    around = strangers(cells.n_psets) if plateau is None else plateau
    near = keys.timeframe == timeframe
    return study(cells, keys, near, active, around.only(active), weights or EvidenceWeights())


def query(n_windows: int, own: Sequence[int] = (), features: Floats | None = None) -> Query:
    """A question whose own windows are `own`, of one timeframe."""
    mask = np.isin(np.arange(n_windows), own)
    return Query(own=mask, features=features)
