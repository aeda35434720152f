"""Worlds to which something is added that must not matter: outliers, copies, a hopeless set."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from tradingkb.domain import canonical_params
from tradingkb.testing.worlds.case import Case, chosen_of
from tradingkb.testing.worlds.row import Draw, Row, Wanted, plain_case
from tradingkb.testing.worlds.scene import Calendar, Scene

_BASE: Final = Scene()
#: Three windows of one symbol and three sets: nine trials, one fewer than an answer wants.
_FEW: Final = Scene(Calendar(3, 6, 6), n_symbols=1, grid=(1, 3))
_COPIES: Final = 20
_LUCKY: Final = 3


def _clean(rng: np.random.Generator, scene: Scene = _BASE) -> Case:
    """One set is better by .3."""
    truth = np.zeros(scene.n_sets)
    truth[rng.integers(scene.n_sets)] = 0.3
    return plain_case(rng, scene, truth + scene.luck(rng), truth)


def _outliers(rng: np.random.Generator) -> Case:
    """Two windows of a hundred have an sd of 100."""
    case = _clean(rng)
    t, s, p = case.scores.shape
    spoilt = rng.permutation(t * s)[: round(0.02 * t * s)]
    scores = case.scores.reshape(t * s, p).copy()
    scores[spoilt] = rng.normal(0.0, 100.0, (len(spoilt), p))
    return _scored(case, scores.reshape(t, s, p))


def _absurd(value: float) -> Draw:
    """One trial of one set, any but the one that is chosen without it."""

    def draw(rng: np.random.Generator) -> Case:
        case = _clean(rng)
        chosen = chosen_of(case, case.answer())
        t, s, p = case.scores.shape
        other = (int(chosen or 0) + int(rng.integers(1, p))) % p
        scores = case.scores.copy()
        scores[rng.integers(t), rng.integers(s), other] = value
        return _scored(case, scores)

    return draw


def _scored(case: Case, scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Case:
    """The same trials with other scores, in the order of the array; `beside` as they were."""
    world = replace(
        case.world, rows=case.world.rows.with_columns(sharpe_oos=pl.Series(scores.ravel()))
    )
    return replace(case, world=world, scores=scores, beside=case)


def _twice(scene: Scene) -> Draw:
    """Every trial once more, under a new source id."""

    def draw(rng: np.random.Generator) -> Case:
        case = _clean(rng, scene)
        return _with_copies(case, pl.lit(value=True), 1)

    return draw


def _lucky(rng: np.random.Generator) -> Case:
    """The three best windows of the chosen set, twenty times each, under new source ids."""
    case = _clean(rng)
    chosen = case.sets[chosen_of(case, case.answer()) or 0]
    mine = pl.col("params") == chosen
    best = case.world.rows.filter(mine)["sharpe_oos"].top_k(_LUCKY).min()
    return _with_copies(case, mine & (pl.col("sharpe_oos") >= best), _COPIES)


def _with_copies(case: Case, where: pl.Expr, n: int) -> Case:
    world = case.world
    for copy in range(n):
        again = case.world.only(where)
        world = world.plus(again.but(source_id=pl.format("{}:{}", "source_id", pl.lit(copy))))
    return replace(case, world=world, beside=case)


def _hopeless(rng: np.random.Generator) -> Case:
    """One more set, 5 Sharpe worse everywhere, at the end of the grid."""
    case = _clean(rng)
    luck = _BASE.luck(rng)[..., :1]
    text = canonical_params({"fast": 5 * (_BASE.grid[0] + 1), "slow": 40})
    rows = case.world.rows.unique("window_key", keep="first", maintain_order=True)
    windows = rows.with_columns(
        params=pl.lit(text),
        source_id=pl.format("{}:{}", "window_key", pl.lit(text)),
        sharpe_oos=pl.Series((luck - 5.0).ravel()),
        trial_id=pl.int_range(1, rows.height + 1, dtype=pl.Int64),
    )
    world = case.world.plus(replace(case.world, rows=windows))
    worst = np.full(1, -5.0)
    return replace(
        case,
        world=world,
        sets=[*case.sets, text],
        scores=np.concatenate([case.scores, luck - 5.0], axis=-1),
        truth=np.concatenate([case.truth, worst]),
        fresh=np.concatenate([case.fresh, case.fresh[:, :1] - 5.0], axis=-1),
        beside=case,
    )


_UNMOVED: Final = (
    Wanted("raised", high=0.0),
    Wanted("regret_change", high=0.03),
    Wanted("moved", high=0.1),
)
_SAME: Final = (Wanted("same_answer", 1.0),)
_STAYS: Final = (
    Wanted("same_choice", 0.98),
    Wanted("moved", high=0.02),
    Wanted("dsr_moved", high=0.02),
)
CHANGED: Final = (
    Row("outliers:2 % of windows", _outliers, _UNMOVED),
    *(Row(f"outliers:one of {v:g}", _absurd(v), _UNMOVED, 40) for v in (1e4, 1e15, 1e160)),
    Row("copies:every trial twice", _twice(_BASE), _SAME, 40),
    Row("copies:few trials twice", _twice(_FEW), _SAME, 40),
    Row("copies:lucky windows", _lucky, _SAME, 40),
    Row("hopeless:one more set", _hopeless, _STAYS),
)
