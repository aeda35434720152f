"""The confidence of an answer: from the newest calibration, or why there is none.

What a choice stakes against the defaults, as far as it was known when it was made, goes into the
outcomes that the confidence is fitted on and into the question that it answers later alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tradingkb.domain import ParamValue, canonical_params
from tradingkb.ranking import EvidenceWeights
from tradingkb.recommend.answer import Band, CalibrationBasis, Said
from tradingkb.recommend.judging.fingerprint import fingerprint
from tradingkb.recommend.judging.judge import Chosen, Evidence, Judged
from tradingkb.recommend.known import Calibrated, Context

#: From these confidences on (design of the dashboards).
HIGH: Final = 0.7
MEDIUM: Final = 0.4
#: A calibration is stale when a strategy has this many times the windows that it knew.
STALE: Final = 1.25


#: From this lead in smoothed rank on, a choice is clearly ahead of the defaults.
CLEAR_LEAD: Final = 0.03
#: Bands of evidence by code.
BANDS: Final = ("degraded", "ok, small lead", "ok, clear lead")
STAKE_FEATURES: Final = ("lead", "log_own_windows", "log_quarters", "trades_saved")


@dataclass(frozen=True)
class Stake:
    """A choice against the defaults.

    Attributes:
        defaults: the defaults' parameter set.
        band: code in `BANDS`.
        features: `STAKE_FEATURES`: lead in score over the defaults; logarithms of 1 + own windows
            and of 1 + quarters behind the choice; how much less it trades, in rank. NaN where
            unknown.
    """

    defaults: int
    band: int
    features: tuple[float, ...]


def stake(
    c: Context, evidence: Evidence, judged: Judged, chosen: Chosen, *, ok: bool
) -> Stake | None:
    """What the choice stakes; None without tested defaults, and where it *is* the defaults."""
    params = c.spec.defaults if c.spec else None
    defaults = c.view.pset_index.get(canonical_params(params)) if params else None
    pset = chosen.pset if chosen.tested_pset is None else chosen.tested_pset
    if defaults is None or pset == defaults:
        return None
    lead = float(judged.score[pset] - judged.score[defaults])
    lead = lead if np.isfinite(lead) else float("nan")
    price = evidence.standing.price
    saved = float(price[defaults] - price[pset])
    band = 0 if not ok else 2 if lead >= CLEAR_LEAD else 1
    return Stake(defaults, band, (lead, float("nan"), float("nan"), saved))


@dataclass(frozen=True)
class Verdict:
    """What is said of the confidence.

    Attributes:
        value: None while uncalibrated.
        band: of the value.
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
    stake: Stake | None,
    params: Mapping[str, ParamValue],
) -> Verdict:
    """The confidence that this choice beats the defaults in the next window.

    Args:
        c: the question.
        weights: that the answer was made with.
        found: the newest calibration of the objective.
        stake: what the choice stakes against the defaults; None when it is them, or nobody tried
            them.
        params: the choice.
    """
    if c.spec is None or c.spec.defaults is None:
        return _uncalibrated("no defaults are declared to compare with")
    if canonical_params(params) == canonical_params(c.spec.defaults):
        return Verdict(said=Said(warnings=("defaults_recommended",)))
    if stake is None:
        return _uncalibrated("the defaults were never tried: nothing compares with them")
    reason = _unusable(c, weights, found)
    if reason is not None or found is None or found.model is None:
        return _uncalibrated(reason)
    name = c.question.strategy_name
    value = found.model.predict(found.code(name), stake.band, np.array(stake.features))
    stale = int(c.pool.seen.sum()) > STALE * max(found.windows(name), 1)
    return Verdict(
        value=value.value,
        band="high" if value.value >= HIGH else "medium" if value.value >= MEDIUM else "low",
        calibration=CalibrationBasis(
            **vars(value),
            level=found.model.level,
            base_rate=found.model.base_rate,
            evidence_band=BANDS[stake.band],
            fitted_at=found.stored.fitted_at,
            known_until=found.stored.known_until,
        ),
        said=Said(warnings=("calibration_stale",) if stale else ()),
    )


def _uncalibrated(note: str | None) -> Verdict:
    return Verdict(said=Said(warnings=("uncalibrated",), notes=(note,) if note else ()))


def _unusable(c: Context, weights: EvidenceWeights, found: Calibrated | None) -> str | None:
    """Why a calibration says nothing of this answer; None when it does."""
    if found is None:
        return "no calibration is stored"
    stored = found.stored
    if found.model is None:
        return f"{stored.n_outcomes} comparable outcomes are too few"
    if stored.fingerprint != fingerprint(weights):
        return "the calibration is of other weights"
    if (
        c.question.as_of is not None
        and stored.known_until
        and stored.known_until > c.question.as_of
    ):
        return "the calibration knows outcomes after as_of"
    return None
