"""Worlds in which sets differ: the choice must find those that are better."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import FEATURES
from tradingkb.testing.worlds.case import Case
from tradingkb.testing.worlds.features import DECIDES, persistent, regime, texts
from tradingkb.testing.worlds.row import Draw, Row, Wanted, plain_case
from tradingkb.testing.worlds.scene import Recorded, Scene, quarters, stored

Floats = NDArray[np.float64]

#: Mean of the sets that win big and rarely, in this share of their windows.
_RARE_MEAN: Final = 0.56
_WINS: Final = 0.08
#: What such a win is. Between wins, 8 loses .09: in most windows hardly less than the other sets.
#: With 11.6 it loses .4, as trend following does, and ranks below them in all windows but those.
_MILD: Final = 8.0
_STEEP: Final = 11.6
#: By how much one half of the grid is better than the other one, while the regime says so.
_APART: Final = 0.5
_PERSISTS: Final = 0.95


def _scene(n_quarters: int) -> Scene:
    return Scene(quarters(n_quarters))


def _busy(n_quarters: int) -> Draw:
    """The more a set trades, the more it earns, up to +.30; `fast` decides most of it."""
    scene = _scene(n_quarters)
    i, j = np.indices(scene.grid)
    busy = 0.7 * (1 - i / i.max()) + 0.3 * (1 - j / j.max())
    truth = 0.30 * busy.ravel()
    trades = [round(20 + 180 * float(b)) for b in busy.ravel()]

    def draw(rng: np.random.Generator) -> Case:
        return plain_case(rng, scene, truth + scene.luck(rng), truth, trades=trades)

    return draw


def _rare(n_quarters: int, win: float) -> Draw:
    """Four neighbours lose a little and win big, on one instrument at a time, all four at once."""
    scene = _scene(n_quarters)
    usual = (_RARE_MEAN - _WINS * win) / (1 - _WINS)

    def draw(rng: np.random.Generator) -> Case:
        place = np.zeros(scene.grid, dtype=bool)
        i, j = (int(rng.integers(size - 1)) for size in scene.grid)
        place[i : i + 2, j : j + 2] = True
        right = place.ravel()
        truth = np.where(right, _RARE_MEAN, 0.0)
        paid = np.where(rng.random(scene.shape[:2]) < _WINS, win, usual)
        scores = scene.luck(rng) + paid[..., None] * right
        fresh = scene.fresh(rng, np.zeros(scene.n_sets))
        again = np.where(rng.random(len(fresh)) < _WINS, win, usual)
        fresh = fresh + again[:, None] * right
        return plain_case(rng, scene, scores, truth, fresh, right=right)

    return draw


def _independent(n_quarters: int) -> Draw:
    """Sets of which neighbours say nothing."""
    scene = _scene(n_quarters)

    def draw(rng: np.random.Generator) -> Case:
        truth = rng.normal(0.0, 0.15, scene.n_sets)
        return plain_case(rng, scene, truth + scene.luck(rng), truth)

    return draw


def _regime(n_quarters: int, *, own: bool, placebo: bool = False) -> Draw:
    """The sign of a feature says which half of the grid is better in the window that follows.

    Args:
        n_quarters: of the world.
        own: whether half of what stands behind each feature is the instrument's own, or none.
        placebo: the windows carry the regime of another time; the answer without it is beside.
    """
    scene = _scene(n_quarters)
    upper = np.arange(scene.n_sets) >= scene.n_sets // 2

    def draw(rng: np.random.Generator) -> Case:
        drawn = _features(rng, scene, own=own)
        sign = np.where(drawn[..., DECIDES] > 0, 1.0, -1.0)
        mean = _APART / 2 * sign[..., None] * np.where(upper, 1.0, -1.0)
        scores = mean[:-1] + scene.luck(rng)
        seen = drawn
        if placebo:
            seen = np.roll(drawn, int(rng.integers(n_quarters // 4, 3 * n_quarters // 4)), axis=0)
        told = texts(seen)
        now = regime(seen[-1, 0])
        truth = mean[-1, 0]
        case = Case(
            world=stored(scene, scores, Recorded(told[:-1], told[1:])),
            sets=scene.sets,
            scores=scores,
            truth=truth,
            fresh=scene.fresh(rng, truth),
            asked={"symbol": scene.symbols[0], "timeframe": scene.timeframe, "regime": now},
            right=truth > 0,
        )
        if not placebo:
            return case
        return replace(case, beside=replace(case, asked={**case.asked, "regime": None}))

    return draw


def _features(rng: np.random.Generator, scene: Scene, *, own: bool) -> Floats:
    """What stands behind the features of each window and of the question; (t + 1, s, 16)."""
    n, width = scene.calendar.n + 1, len(FEATURES)
    market = persistent(rng, n, _PERSISTS, (1, width))
    if not own:
        return np.repeat(market, scene.n_symbols, axis=1)
    return np.asarray(
        (market + persistent(rng, n, _PERSISTS, (scene.n_symbols, width))) / np.sqrt(2.0)
    )


_RIGHT: Final = (Wanted("right", 0.8),)
_PLACEBO: Final = (Wanted("regret_change", high=0.02),)
BETTER: Final = (
    Row("busy:40 quarters", _busy(40), (Wanted("regret", high=0.15),)),
    Row("busy:200 quarters", _busy(200), (Wanted("regret", high=0.03),), 40),
    Row("rare:mild 40 quarters", _rare(40, _MILD), (Wanted("right", 0.7),)),
    Row("rare:mild 200 quarters", _rare(200, _MILD), (Wanted("right", 0.9),), 40),
    Row("rare:steep 40 quarters", _rare(40, _STEEP), (Wanted("right", 0.7),)),
    Row("rare:steep 200 quarters", _rare(200, _STEEP), (Wanted("right", 0.9),), 40),
    Row("independent:40 quarters", _independent(40), (Wanted("excess", high=0.0),)),
    Row("independent:200 quarters", _independent(200), (Wanted("excess", high=0.0),), 40),
    *(
        Row(f"regime:{whose} {n} quarters", _regime(n, own=whose == "own"), _RIGHT)
        for whose in ("market's", "own")
        for n in (40, 80)
    ),
    *(
        Row(f"placebo:{whose} {n} quarters", _regime(n, own=whose == "own", placebo=True), _PLACEBO)
        for whose in ("market's", "own")
        for n in (40, 80)
    ),
)
