"""Worlds in which no set is better: what is promised must not be more than nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from tradingkb.testing.worlds.case import Case
from tradingkb.testing.worlds.row import Draw, Row, Wanted, plain_case
from tradingkb.testing.worlds.scene import HALF_YEARS, Calendar, Scene, stored

BASE: Final = Scene()
_COVERS: Final = Wanted("covers", 0.85)
_MISSED: Final = Wanted("covers", 0.86)
#: Half-years of the base world that one of the short windows of a busy instrument is a part of.
_TIMES: Final = 10


def _noise(rng: np.random.Generator, scene: Scene = BASE) -> Case:
    return plain_case(rng, scene, scene.luck(rng), np.zeros(scene.n_sets))


def _without_regime(rng: np.random.Generator) -> Case:
    case = _noise(rng)
    return replace(case, asked={**case.asked, "regime": None})


def _at(scene: Scene) -> Draw:
    return lambda rng: _noise(rng, scene)


def _rolling(months: int) -> Draw:
    """A new window each month over ten years."""
    return _at(replace(BASE, calendar=Calendar(121 - months, 1, months)))


def _level(sd: float, *, per_set: bool, known: bool) -> Draw:
    """Instruments differ: all sets of one alike, or each set in its own way."""

    def draw(rng: np.random.Generator) -> Case:
        shape = (BASE.n_symbols + 1, BASE.n_sets if per_set else 1)
        level = np.broadcast_to(rng.normal(0.0, sd, shape), (shape[0], BASE.n_sets))
        scores = level[None, 1:] + BASE.luck(rng)
        seen = plain_case(rng, BASE, scores, level[1])
        if known:
            return seen
        unseen = {**seen.asked, "symbol": "NEVER"}
        return replace(
            seen, truth=level[0], fresh=BASE.fresh(rng, level[0]), asked=unseen, beside=seen
        )

    return draw


def _levels(sd: float, *, per_set: bool) -> tuple[Row, Row]:
    how = "set" if per_set else "symbol"
    return (
        Row(f"levels:{how} {sd} known", _level(sd, per_set=per_set, known=True), (_COVERS,)),
        Row(
            f"levels:{how} {sd} unseen",
            _level(sd, per_set=per_set, known=False),
            (_COVERS, Wanted("wider", 0.95)),
        ),
    )


def _better(rng: np.random.Generator) -> Case:
    """One set is better by .3."""
    truth = np.zeros(BASE.n_sets)
    truth[rng.integers(BASE.n_sets)] = 0.3
    return plain_case(rng, BASE, truth + BASE.luck(rng), truth, right=truth > 0)


def _dominating(*, asked: bool) -> Draw:
    """One symbol has ten times the windows of the others, each a tenth as long, of equal luck."""
    one = Scene(Calendar(_TIMES * HALF_YEARS.n, 18, 18, "day"), n_symbols=1)
    others = replace(BASE, n_symbols=BASE.n_symbols - 1, first=1)

    def draw(rng: np.random.Generator) -> Case:
        short = one.common(rng)
        long = short.reshape(HALF_YEARS.n, _TIMES).sum(axis=1) / np.sqrt(_TIMES)
        truth = np.zeros(BASE.n_sets)
        many = plain_case(rng, one, one.luck(rng, common=short), truth)
        few = stored(others, others.luck(rng, common=long))
        symbol = one.symbols[0] if asked else others.symbols[0]
        return replace(many, world=many.world.plus(few), asked={**many.asked, "symbol": symbol})

    return draw


def _sparse(rng: np.random.Generator) -> Case:
    """Each set was tried in two to five of the twenty windows, on every symbol."""
    scores = BASE.luck(rng)
    t, _, p = scores.shape
    order = rng.permuted(np.tile(np.arange(t)[:, None], (1, p)), axis=0)
    tried = order < rng.integers(2, 6, p)
    return plain_case(rng, BASE, np.where(tried[:, None, :], scores, np.nan), np.zeros(p))


def _wild(times: float) -> Draw:
    """The instrument asked about is wilder than the others, or tamer."""

    def draw(rng: np.random.Generator) -> Case:
        wild = np.ones(BASE.n_symbols)
        wild[0] = times
        truth = np.zeros(BASE.n_sets)
        fresh = BASE.fresh(rng, truth, times)
        return plain_case(rng, BASE, BASE.luck(rng, wild), truth, fresh)

    return draw


def _minutes(length: int, n_symbols: int = BASE.n_symbols) -> Draw:
    """Ninety windows of days of 5-minute bars in three quarters, a new one each three days."""
    calendar = Calendar(90, 3, length, "day")
    return _at(replace(BASE, calendar=calendar, n_symbols=n_symbols, timeframe="5m"))


_CHANCE: Final = Wanted("pbo", 0.4, 0.6)
_OVERLAP: Final = (_COVERS, Wanted("pbo", 0.35, 0.65))
_HOLDS: Final = (Wanted("holds", 0.70, 0.92), Wanted("aside", high=0.1))
NOISE: Final = (
    Row("noise:measured regime", _noise, (Wanted("covers", 0.86, 0.94), _CHANCE)),
    Row("noise:no regime", _without_regime, (Wanted("covers", 0.86, 0.94), _CHANCE)),
    *(Row(f"rolling:{m} months", _rolling(m), _OVERLAP) for m in (3, 6, 12)),
    *(row for sd in (0.3, 0.5, 1.0) for row in _levels(sd, per_set=False)),
    *(row for sd in (0.3, 0.5, 1.0) for row in _levels(sd, per_set=True)),
    Row("minutes:disjoint", _minutes(3), (Wanted("covers", 0.80, 0.97),)),
    Row("minutes:overlapping", _minutes(5), (Wanted("covers", 0.80, 0.97),)),
    Row("minutes:one symbol", _minutes(3, n_symbols=1), (Wanted("covers", 0.80, 0.97),)),
    Row("better:one set by .3", _better, (_MISSED,)),
    Row("dominating:asked", _dominating(asked=True), (_MISSED,)),
    Row("dominating:another", _dominating(asked=False), (_MISSED,)),
    Row("sparse:2 to 5 of 20", _sparse, (_MISSED,)),
    Row("wild:three times", _wild(3.0), _HOLDS),
    Row("wild:a half", _wild(0.5), _HOLDS),
)
