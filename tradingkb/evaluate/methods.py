"""The other ways to choose that the recommender is compared with, each given the same knowledge.

Every function returns a score per parameter set, shape (p,), -inf where a set is not to be chosen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking import Cells, Level, Plateau, group_means

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Neighbours of plain kNN; what more of them do is the recommender's own shrinkage.
NEIGHBOURS: Final = 10

#: Method to what it means; the order of every table.
METHODS: Final = {
    "tradingkb": "this recommender, with a measured regime and the tuning's own trade counts",
    "stated": "the same, with the regime stated as it truly became",
    "no_regime": "the same without any regime",
    "no_own_results": "the same without the tuning's own trade counts",
    "no_own_history": "the same without the instrument's own history",
    "placebo": "control: the same with the regime of a window drawn at random",
    "average": "best average rank over all windows known by then, quarters counted equally",
    "average_others": "the same over the windows of other symbols",
    "knn": f"best average rank in the {NEIGHBOURS} windows of the nearest measured regime",
    "random_windows": f"control: best average rank in {NEIGHBOURS} known windows drawn at random",
    "is_best": "best in-sample score in the window's own tuning",
    "is_best_smoothed": "the same, smoothed over neighbouring parameter sets",
    "defaults": "the strategy's declared defaults",
    "random": "a parameter set drawn at random (expected value)",
    "oracle": "the best set in hindsight",
}
#: Methods that see what nobody could know by then.
IMPOSSIBLE: Final = ("stated", "oracle")


def average(level: Level) -> Floats:
    """The mean of a level, -inf where nothing was found."""
    return np.where(level.n > 0, level.mean, -np.inf)


def nearest_windows(cells: Cells, distance: Floats | None, n_windows: int) -> Floats:
    """Mean rank over the windows nearest to the query's regime (ties: the first).

    Args:
        cells: the known windows.
        distance: shape (w,), NaN where unknown; None without a regime.
        n_windows: number of windows of the view.
    """
    if distance is None:
        return np.full(cells.n_psets, -np.inf)
    seen = cells.windows
    seen = seen[np.isfinite(distance[seen])]
    chosen = seen[np.argsort(distance[seen], kind="stable")[:NEIGHBOURS]]
    return _over(cells, chosen, n_windows)


def random_windows(cells: Cells, n_windows: int, rng: np.random.Generator) -> Floats:
    """Mean rank over windows drawn at random from the known ones."""
    seen = cells.windows
    chosen = rng.choice(seen, size=min(NEIGHBOURS, len(seen)), replace=False)
    return _over(cells, chosen, n_windows)


def _over(cells: Cells, windows: Ints, n_windows: int) -> Floats:
    wanted = np.zeros(n_windows, dtype=bool)
    wanted[windows] = True
    mine = wanted[cells.window]
    return average(
        group_means(cells.pset[mine], np.ones(mine.sum()), cells.rank[mine], cells.n_psets)
    )


def in_sample(inside: Floats) -> Floats:
    """The in-sample score itself."""
    return np.where(np.isfinite(inside), inside, -np.inf)


def in_sample_smoothed(inside: Floats, plateau: Plateau, active: Ints) -> Floats:
    """The in-sample score averaged with its neighbours'.

    Args:
        inside: shape (p,), NaN where unknown.
        plateau: neighbourhood of the `active` sets.
        active: shape (a,), sets with evidence.
    """
    score = np.full(len(inside), -np.inf)
    known = np.isfinite(inside[active])
    smoothed = plateau.smooth(np.where(known, inside[active], 0.0), known.astype(np.float64))
    score[active[known]] = smoothed[known]
    return score


def best(score: Floats, allowed: Bools) -> int | None:
    """The allowed set of the highest score, the first of equal ones; None where there is none."""
    score = np.where(allowed, score, -np.inf)
    top = int(score.argmax()) if len(score) else -1
    return top if top >= 0 and np.isfinite(score[top]) else None
