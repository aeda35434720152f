"""How much of a set's mean is its own: what it shares with its neighbours, and what it does not.

A mean over n blocks of time is true value plus noise. It is split into what is smooth over the
grid of parameters and what is rough, and each part is shrunk by what it has shown in this store:

    share = signal / (signal + noise / n)

the posterior mean of a normal model (a Wiener filter of two bands; Efron and Morris 1975 for one).
The noise is the spread of blocks around their means, the signal what the spread of the means
leaves when that of the noise is taken off (the method of moments). Where a store says little, a
prior does: a smooth difference between sets is worth a block in ten, a rough one hardly anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.blocks import Noise, Table, shared_of
from tradingkb.ranking.plateau import Plateau

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Signal to noise of what is rough, beside that of what is smooth, before the store has shown it.
ROUGH: Final = 0.03
#: Signal is never taken for less than a thousandth of the noise: the order of sets would be chance.
FLOOR: Final = 1e-3
#: One set in so many is unlike its neighbours, by as much as one block is noisy: what is plain to
#: see must not be shrunk with what is not.
OUTLYING: Final = 1.0 / 30.0
#: Sets that differ independently, as many as a grid of neighbours is worth: they say how far an
#: estimated variance may be off.
INDEPENDENT_SETS: Final = 4.0


@dataclass(frozen=True)
class Lesson:
    """What a store has shown of its sets.

    Attributes:
        noise: of the smooth part of one block.
        rough_noise: variance of the rough part of one block.
        signal, rough_signal: variances of the true differences of either part.
    """

    noise: Noise
    rough_noise: float
    signal: float
    rough_signal: float


@dataclass(frozen=True)
class Blend:
    """What is believed of every column (set) of a table, shapes (a,).

    Attributes:
        value: posterior mean, beside the mean of typical sets.
        variance: posterior variance, in squares of the typical spread.
        smooth, rough: shares of either part that are believed.
        told: whether noise could be told from signal; else a block's is taken for 1.
    """

    value: Floats
    variance: Floats
    smooth: Floats
    rough: Floats
    told: bool = True


def learn(table: Table, plateau: Plateau, typical: Bools, neutral: float) -> Lesson | None:
    """Noise and signal of a table's sets; None where no set has two blocks.

    Args:
        table: contrasts by block and set.
        plateau: the sets' neighbourhood.
        typical: shape (a,); other sets teach nothing.
        neutral: blocks' worth of belief that a set is average, before the store has shown more.
    """
    taught = replace(table, known=table.known & typical)
    around, own, blocks_around = _parts(taught, plateau, typical)
    found = _noises(taught, plateau, blocks_around)
    if found is None:
        return None
    noise, rough_noise = found
    doubt, doubt_around = _doubts(taught, blocks_around, noise.shared)
    tell = typical & (taught.n > 0)
    prior = noise.variance / neutral
    signal = _signal(around, doubt_around, noise.variance, prior, tell)
    signal = max(signal, FLOOR * noise.variance)
    believed = ROUGH * rough_noise * (signal / noise.variance if noise.variance else 0.0)
    rough = max(_signal(own, doubt, rough_noise, believed, tell), 0.0)
    return Lesson(noise, rough_noise, signal, rough)


def _noises(table: Table, plateau: Plateau, blocks_around: Floats) -> tuple[Noise, float] | None:
    """Noise of the smooth part of one block, and variance of the rough part; None if unknown.

    Both are sums over blocks of what each of them adds to the parts of a set's mean, so their
    variance is the sum of its squares (the cluster-robust variance, by block), whatever sets a
    block has tried; covariances of blocks that overlap come in as far as they are shared.
    """
    n = table.n
    enough = table.known.sum(axis=0) >= 2
    if not enough.any():
        return None
    left = np.where(table.known & enough, table.value - table.mean, 0.0)
    shared = shared_of(table, left)
    doubt, doubt_around = _doubts(table, blocks_around, shared)
    weighted = table.weight[:, None] * left
    mass = plateau.mass_around(n)
    near = plateau.sum_rows(weighted) / np.where(mass > 0, mass, 1.0)
    rest = weighted / np.where(n > 0, n, 1.0) - near
    related = shared * table.overlap
    np.fill_diagonal(related, 1.0)
    free = 1.0 - float(doubt[enough].mean())
    if free <= 0:
        return None
    smooth, rough = (
        float((part[:, enough] * (related @ part[:, enough])).sum()) / free for part in (near, rest)
    )
    return (
        Noise(max(smooth, 0.0) / float(doubt_around[enough].sum()), shared),
        max(rough, 0.0) / float(doubt[enough].sum()),
    )


def blend(
    table: Table, plateau: Plateau, typical: Bools, neutral: float, lesson: Lesson | None
) -> Blend:
    """Believes of every set's mean what the store has shown to last.

    Args:
        table: contrasts by block and set.
        plateau: the sets' neighbourhood.
        typical: shape (a,); other sets are themselves: they neither teach nor learn.
        neutral: as in `learn`; it alone speaks where there is no lesson.
        lesson: what `learn` found.
    """
    around, own, blocks_around = _parts(table, plateau, typical)
    if lesson is None:
        share = blocks_around / (blocks_around + neutral)
        value = np.where(typical, share * around, own)
        variance = 1.0 / (blocks_around + neutral)
        return Blend(value, variance, share, np.zeros(len(own)), told=False)
    noise, rough_noise = lesson.noise.variance, lesson.rough_noise
    doubt, doubt_around = _doubts(table, blocks_around, lesson.noise.shared)
    smooth = _share(lesson.signal, noise * doubt_around)
    rough = np.minimum(_share(lesson.rough_signal, rough_noise * doubt), smooth)
    believed, left = _outlying(own, rough_noise * doubt, rough, rough_noise)
    variance = smooth * noise * doubt_around + left
    whole = (noise + rough_noise) * doubt
    return Blend(
        value=np.where(typical, smooth * around + believed, own),
        variance=np.where(typical, variance, whole),
        smooth=smooth,
        rough=rough,
    )


def _outlying(own: Floats, error: Floats, share: Floats, wide: float) -> tuple[Floats, Floats]:
    """Posterior mean and variance of own parts, of which a few are far out; shapes (a,).

    A mixture of two normal priors: of most sets, whose share is believed, and of the few.

    Args:
        own: what was seen.
        error: its variance.
        share: of it that is believed of most sets.
        wide: variance of the true parts of the few.
    """
    narrow = np.divide(error, 1.0 - share, out=error.copy(), where=share < 1.0)
    wider = np.maximum(wide + error, narrow)
    far = np.divide(own**2, narrow, out=np.zeros(len(own)), where=narrow > 0)
    near = np.divide(own**2, wider, out=np.zeros(len(own)), where=wider > 0)
    ratio = np.divide(narrow, wider, out=np.ones(len(own)), where=wider > 0)
    odds = OUTLYING / (1.0 - OUTLYING) * np.sqrt(ratio) * np.exp(np.minimum((far - near) / 2, 50.0))
    weight = odds / (1.0 + odds)
    most = np.maximum(_share(wide, error), share)
    whole = (1.0 - weight) * share + weight * most
    # Within the two, and between them: no difference of squares, which would lose what is small.
    between = weight * (1.0 - weight) * ((most - share) * own) ** 2
    return whole * own, whole * error + between


def _parts(table: Table, plateau: Plateau, typical: Bools) -> tuple[Floats, Floats, Floats]:
    """Each set's smooth part, the rest, and the blocks that its smooth part rests on; (a,)."""
    mean, n = table.mean, table.n
    centred = np.where(n > 0, mean - _mean_over(mean, n, typical), 0.0)
    mass = n * typical
    around = np.where(typical, plateau.smooth(np.where(typical, centred, 0.0), mass), 0.0)
    blocks_around = np.minimum(plateau.mass_around(mass), n.max(initial=0.0))
    return around, centred - around, blocks_around


def _doubts(table: Table, blocks_around: Floats, shared: float) -> tuple[Floats, Floats]:
    """Variance of a set's mean, and of its neighbourhood's, in units of a block's; (a,)."""
    doubt = table.doubt(shared)
    ratio = np.divide(table.n, blocks_around, out=np.ones(len(doubt)), where=blocks_around > 0)
    return doubt, doubt * np.minimum(ratio, 1.0)


def _signal(mean: Floats, doubt: Floats, noise: float, prior: float, tell: Bools) -> float:
    """Variance of the true means: the moments', as far as they are sure, and the prior."""
    if not tell.any():
        return prior
    found = float((mean[tell] ** 2).mean()) - noise * float(doubt[tell].mean())
    error = noise * float(doubt[tell].mean()) * np.sqrt(2.0 / INDEPENDENT_SETS)
    spread = prior**2 + error**2
    share = prior**2 / spread if spread > 0 else 1.0
    return share * found + (1.0 - share) * prior


def _share(signal: float, noise: Floats) -> Floats:
    total = signal + noise
    return np.divide(signal, total, out=np.zeros(len(noise)), where=total > 0)


def _mean_over(mean: Floats, n: Floats, typical: Bools) -> float:
    weight = n * typical
    total = float(weight.sum())
    return float((weight * mean).sum()) / total if total > 0 else 0.0
