"""Small tables of evidence, and questions to ask of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tradingkb.ranking.evidence import Cells, Query, make_cells

#: (window, parameter set, utility)
Trials = list[tuple[int, int, float]]

N_WINDOWS, N_PSETS = 6, 4
#: Quarters, so that values are exact in binary and ties happen.
utilities = st.integers(-20, 20).map(lambda n: n / 4)
tables: st.SearchStrategy[Trials] = st.lists(
    st.tuples(st.integers(0, N_WINDOWS - 1), st.integers(0, N_PSETS - 1), utilities),
    min_size=1,
    max_size=40,
)


def cells_of(trials: Trials, quarter: list[int], n_psets: int) -> Cells:
    """Cells of (window, parameter set, utility) triples."""
    window, pset, utility = (np.array([t[i] for t in trials]) for i in range(3))
    return make_cells(
        window.astype(np.int64),
        pset.astype(np.int64),
        utility.astype(np.float64),
        np.array(quarter, dtype=np.int64),
        n_psets,
    )


def query(n_windows: int, own: tuple[int, ...] = (), **facts: object) -> Query:
    """A question whose own windows are `own`, of one timeframe unless `facts` say otherwise."""
    mask = np.isin(np.arange(n_windows), own)
    return Query(own=mask, **{"same_timeframe": np.ones(n_windows, dtype=bool), **facts})
