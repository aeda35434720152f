"""The confidence of an answer: from the newest calibration, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tradingkb.domain import ParamValue, canonical_params
from tradingkb.ranking import Confidence, EvidenceWeights
from tradingkb.recommend.answer import Band, CalibrationBasis, Said
from tradingkb.recommend.judging.fingerprint import fingerprint
from tradingkb.recommend.known import Calibrated, Context

#: A confidence is high when its interval lies above this.
HIGH: Final = 0.6
#: It is medium when its interval lies above one half: as often as not is what luck does.
MEDIUM: Final = 0.5
#: A calibration is stale when a strategy has this many times the windows that it knew.
STALE: Final = 1.25


@dataclass(frozen=True)
class Verdict:
    """What is said of the confidence.

    Attributes:
        value: None while uncalibrated.
        band: of its interval.
        calibration: what it rests on; None while uncalibrated.
        said: why there is none, or what to beware of.
    """

    value: float | None = None
    band: Band = "none"
    calibration: CalibrationBasis | None = None
    said: Said = field(default_factory=Said)


def verdict(
    c: Context,
    weights: EvidenceWeights,
    found: Calibrated | None,
    params: Mapping[str, ParamValue],
) -> Verdict:
    """How often choices beat the defaults, where this one could: a rate of all past choices.

    Args:
        c: the question.
        weights: that the answer was made with.
        found: the newest calibration of the objective.
        params: the choice.
    """
    defaults = c.spec.defaults if c.spec is not None else None
    if defaults is None:
        return _uncalibrated("no defaults are declared to compare with")
    if canonical_params(params) == canonical_params(defaults):
        return Verdict(said=Said(warnings=("defaults_recommended",)))
    if canonical_params(defaults) not in c.view.pset_index:
        return _uncalibrated("the defaults were never tried: nothing compares with them")
    reason = _unusable(c, weights, found)
    if reason is not None or found is None or found.rate is None:
        return _uncalibrated(reason)
    stale = int(c.pool.seen.sum()) > STALE * max(found.windows(c.question.strategy_name), 1)
    return Verdict(
        value=found.rate.value,
        band=band(found.rate),
        calibration=CalibrationBasis(
            **vars(found.rate),
            fitted_at=found.stored.fitted_at,
            known_until=found.stored.known_until,
        ),
        said=Said(warnings=("calibration_stale",) if stale else ()),
    )


def band(rate: Confidence) -> Band:
    """How surely choices beat the defaults: by the lower end of the interval."""
    if rate.low >= HIGH:
        return "high"
    return "medium" if rate.low > MEDIUM else "low"


def _uncalibrated(note: str | None) -> Verdict:
    return Verdict(said=Said(warnings=("uncalibrated",), notes=(note,) if note else ()))


def _unusable(c: Context, weights: EvidenceWeights, found: Calibrated | None) -> str | None:
    """Why a calibration says nothing of this answer; None when it does."""
    if found is None:
        return "no calibration is stored"
    stored = found.stored
    if stored.model is not None and found.rate is None:
        return "the calibration is of another release: fit it again"
    if stored.model is None:
        return f"{stored.n_outcomes} comparable outcomes are too few"
    if stored.fingerprint != fingerprint(weights):
        return "the calibration is of other weights, or of another way to choose: fit it again"
    if (
        c.question.as_of is not None
        and stored.known_until
        and stored.known_until > c.question.as_of
    ):
        return "the calibration knows outcomes after as_of"
    return None
