"""The confidence of an answer: from the newest calibration, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from tradingkb.domain.strategy import ParamValue
from tradingkb.domain.trial import canonical_params
from tradingkb.exceptions import InvalidInputError
from tradingkb.memo import Memo
from tradingkb.ports import Calibration, TrialStore
from tradingkb.ranking.confidence import ConfidenceModel
from tradingkb.ranking.evidence import EvidenceWeights
from tradingkb.recommend.context import Context
from tradingkb.recommend.fingerprint import fingerprint
from tradingkb.recommend.stake import BANDS, Stake

Band = Literal["high", "medium", "low", "none"]
#: From these confidences on (design of the dashboards).
HIGH: Final = 0.7
MEDIUM: Final = 0.4
#: A calibration is stale when a strategy has this many times the windows that it knew.
STALE: Final = 1.25
_KEPT: Final = 16


@dataclass(frozen=True)
class Calibrated:
    """A stored calibration with its model read."""

    stored: Calibration
    model: ConfidenceModel | None

    def code(self, strategy_name: str) -> int:
        """The strategy's code; -1 for one that it does not know."""
        names = [s["name"] for s in self.stored.strategies]
        return names.index(strategy_name) if strategy_name in names else -1

    def windows(self, strategy_name: str) -> int:
        """Windows of the strategy that had a score by then."""
        return next(
            (int(s["windows"]) for s in self.stored.strategies if s["name"] == strategy_name), 0
        )


@dataclass(frozen=True)
class Verdict:
    """What is said of the confidence.

    Attributes:
        value: None while uncalibrated.
        band: of the value.
        calibration: value, low, high, level, n, n_quarters, kind, base_rate, evidence_band,
            fitted_at, known_until; None while uncalibrated.
        warning: a code, None when there is nothing to warn of.
        note: the sentence behind it.
    """

    value: float | None = None
    band: Band = "none"
    calibration: dict[str, Any] | None = None
    warning: str | None = None
    note: str | None = None


class Calibrations:
    """The newest calibration of each objective, read when it is first asked for."""

    def __init__(self, store: TrialStore) -> None:
        self._store = store
        self._kept: Memo[Calibrated | None] = Memo(_KEPT)

    def newest(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        """None when none was ever fitted, or by a release that means something else by it."""
        return self._kept.get(
            (workspace_id, objective_type),
            lambda: self._read(workspace_id, objective_type),
            stamp=self._store.calibration_mark(workspace_id, objective_type),
        )

    def _read(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        stored = self._store.calibration(workspace_id, objective_type)
        if stored is None:
            return None
        try:
            model = ConfidenceModel.from_dict(stored.model) if stored.model else None
        except InvalidInputError:
            return None
        return Calibrated(stored, model)


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
        return Verdict(warning="uncalibrated", note="no defaults are declared to compare with")
    if canonical_params(params) == canonical_params(c.spec.defaults):
        return Verdict(warning="defaults_recommended")
    if stake is None:
        return Verdict(
            warning="uncalibrated", note="the defaults were never tried: nothing compares with them"
        )
    reason = _unusable(c, weights, found)
    if reason is not None or found is None or found.model is None:
        return Verdict(warning="uncalibrated", note=reason)
    name = c.request.strategy_name
    said = found.model.predict(found.code(name), stake.band, np.array(stake.features))
    stale = int(c.pool.seen.sum()) > STALE * max(found.windows(name), 1)
    return Verdict(
        value=said.value,
        band="high" if said.value >= HIGH else "medium" if said.value >= MEDIUM else "low",
        calibration={
            **vars(said),
            "level": found.model.level,
            "base_rate": found.model.base_rate,
            "evidence_band": BANDS[stake.band],
            "fitted_at": found.stored.fitted_at.isoformat(),
            "known_until": found.stored.known_until and found.stored.known_until.isoformat(),
        },
        warning="calibration_stale" if stale else None,
    )


def _unusable(c: Context, weights: EvidenceWeights, found: Calibrated | None) -> str | None:
    """Why a calibration says nothing of this answer; None when it does."""
    if found is None:
        return "no calibration is stored"
    stored = found.stored
    if found.model is None:
        return f"{stored.n_outcomes} comparable outcomes are too few"
    if stored.fingerprint != fingerprint(weights):
        return "the calibration is of other weights"
    if c.request.as_of is not None and stored.known_until and stored.known_until > c.request.as_of:
        return "the calibration knows outcomes after as_of"
    return None
