"""What features add to known probabilities: a ridge-penalised logistic regression.

The known probability is an offset: logit p = logit(known) + x . weight. Without information the
penalty leaves the weights at 0 and the probabilities as they were, so this is one more rung of
shrinkage and not a second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: What all features together are believed to do to the odds before anything is seen: a standard
#: deviation of half a logit, or about 12 points of probability.
PRIOR_SPREAD: Final = 0.5
#: A feature further out than this counts as if it were here, in standard deviations.
WINSOR: Final = 3.0
MAX_STEPS: Final = 50


@dataclass(frozen=True, eq=False)
class Logistic:
    """Weights per standardised feature and their covariance; an unknown feature is the mean.

    Attributes:
        centre, scale: shape (f,), mean and standard deviation of the known values; scale 0 marks
            a feature without any variation, which is left out.
        weight: shape (f,), logits per standard deviation.
        covariance: shape (f, f), of the weights.
    """

    centre: Floats
    scale: Floats
    weight: Floats
    covariance: Floats

    def shift(self, features: Floats) -> tuple[Floats, Floats]:
        """Logits to add and their variances, shapes (n,), for features of shape (n, f)."""
        x = standardised(features, self.centre, self.scale)
        return x @ self.weight, np.asarray(((x @ self.covariance) * x).sum(axis=1))


def logit(p: Floats | float) -> Floats:
    """Log odds."""
    return np.asarray(np.log(p) - np.log1p(-np.asarray(p)))


def expit(z: Floats | float) -> Floats:
    """The probability with log odds z, in (0, 1): beyond +-30 there are no digits left for it."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def standardised(features: Floats, centre: Floats, scale: Floats) -> Floats:
    """(x - centre) / scale within +-`WINSOR`, and 0 for NaN and for scale 0; shape (n, f)."""
    usable = np.isfinite(features) & (scale > 0)
    x = np.divide(features - centre, scale, out=np.zeros_like(features), where=usable)
    return np.clip(x, -WINSOR, WINSOR)


def fit_logistic(features: Floats, won: Floats, known: Floats, weight: Floats) -> Logistic:
    """Newton's method on the penalised log likelihood, which has one maximum.

    Args:
        features: shape (n, f), NaN where unknown, f > 0.
        won: shape (n,), in [0, 1].
        known: shape (n,), probabilities in (0, 1) that the features may correct.
        weight: shape (n,), what each decision counts.
    """
    centre, scale = _moments(features)
    x = standardised(features, centre, scale)
    penalty = np.eye(x.shape[1]) * x.shape[1] / PRIOR_SPREAD**2
    offset, beta = logit(known), np.zeros(x.shape[1])
    for _ in range(MAX_STEPS):
        p = expit(offset + x @ beta)
        curvature = (x.T * (weight * p * (1 - p))) @ x + penalty
        step = np.linalg.solve(curvature, x.T @ (weight * (won - p)) - penalty @ beta)
        beta = beta + step / max(1.0, float(np.abs(x @ step).max()))
        if np.abs(step).max() < 1e-12:
            break
    return Logistic(centre, scale, beta, np.linalg.inv(curvature))


def _moments(features: Floats) -> tuple[Floats, Floats]:
    """Means and standard deviations of what is known, 0 where nothing varies; shapes (f,)."""
    known = np.isfinite(features)
    n = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, features, 0.0).sum(axis=0) / n
    off = np.where(known, features - centre, 0.0)
    scale = np.sqrt((off**2).sum(axis=0) / n)
    return centre, np.where(scale > 1e-9 * np.abs(centre), scale, 0.0)
