"""The parts of an answer, typed; each can also be read like the JSON that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tradingkb.domain import ParamValue, Part
from tradingkb.ranking import Expectation

AnswerStatus = Literal["ok", "degraded", "none"]
Band = Literal["high", "medium", "low", "none"]


@dataclass(frozen=True)
class Lead(Part):
    """What parameters are expected to earn more than others, in the objective's unit.

    Attributes:
        value: positive where they are better, whatever the objective's direction.
        low, high: interval at `level`; None where the noise is unknown.
        level: such as 0.9.
    """

    value: float
    low: float | None
    high: float | None
    level: float

    @property
    def told_apart(self) -> bool:
        """Whether the evidence tells the two apart."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class Option(Part):
    """Other parameters beside the recommended ones.

    Attributes:
        params: which.
        expected: what they are expected to earn; None where nobody tried them.
        lead: of the recommended ones over them; None where these are the same, or nobody tried
            either.
    """

    params: Mapping[str, ParamValue]
    expected: Expectation | None
    lead: Lead | None = None


@dataclass(frozen=True)
class Baseline(Part):
    """What stands beside a recommendation.

    Attributes:
        regime_agnostic: what the plain average chooses: the best mean rank over all windows.
        defaults: the declared defaults; None where none are.
    """

    regime_agnostic: Option | None
    defaults: Option | None


@dataclass(frozen=True)
class DeflatedSharpe(Part):
    """How sure it is that a Sharpe ratio is more than the luck of the best of many.

    Attributes:
        value: probability that the true ratio exceeds `benchmark`.
        sharpe: annualised mean over quarters, out-of-sample.
        benchmark: annualised; what the best of `n_trials` shows by luck.
        n_trials: parameter sets that were known to be tried.
        years: time covered by the windows in which this one has a Sharpe ratio, overlaps counted
            once.
    """

    value: float
    sharpe: float
    benchmark: float
    n_trials: int
    years: float


@dataclass(frozen=True)
class BacktestOverfitting(Part):
    """Probability of backtest overfitting of taking the best set.

    Attributes:
        value: share of splits in which the best set of one half is below the median in the other.
        loss_probability: share of splits in which it loses there.
        n_sets, n_splits, n_quarters: what was split.
        n_blocks: stretches of time that no window spans two of; halves of them are compared.
        enough: whether sets and blocks suffice for a limit; else the value is mostly luck.
    """

    value: float
    loss_probability: float
    n_sets: int
    n_splits: int
    n_quarters: int
    n_blocks: int
    enough: bool


@dataclass(frozen=True)
class Overfitting(Part):
    """How much may be the luck of trying much; either is None where it is unknown.

    Attributes:
        deflated_sharpe: of these parameters.
        pbo: of taking the best set.
    """

    deflated_sharpe: DeflatedSharpe | None
    pbo: BacktestOverfitting | None


@dataclass(frozen=True)
class CalibrationBasis(Part):
    """What a confidence rests on: all past choices of the workspace and objective, no other.

    Attributes:
        value: the confidence: how often they beat the defaults.
        low, high: its interval at `level`.
        n, n_quarters: past decisions, and their distinct quarters.
        level: of the interval, such as 0.9.
        fitted_at: when the calibration was fitted.
        known_until: its newest outcome; None without any.
    """

    value: float
    low: float
    high: float
    n: int
    n_quarters: int
    level: float
    fitted_at: datetime
    known_until: datetime | None


@dataclass(frozen=True)
class Debug(Part):
    """What `mode="debug"` adds.

    Attributes:
        funnel: trials that are left after each condition.
        param_sets: every parameter set's evidence, best first.
    """

    funnel: Mapping[str, int]
    param_sets: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class AgainstDefaults(Part):
    """Given parameters against the defaults, on the windows that tried both.

    Attributes:
        n, n_quarters: these windows, and their distinct quarters.
        n_better, n_equal: windows in which the given ones did better, or as well.
        share: of windows in which they did better.
        mean_difference: in the objective's unit, positive where the given ones are better.
    """

    n: int
    n_quarters: int
    n_better: int
    n_equal: int
    share: float
    mean_difference: float


@dataclass(frozen=True)
class Recommended(Part):
    """What `recommend` answers to the question of an explanation.

    Attributes:
        status, params, expected, reasons, warnings: of that answer.
        same: whether it recommends the explained parameters.
        place: of the recommended ones among all sets; None when they were never tried.
    """

    status: AnswerStatus
    params: Mapping[str, ParamValue] | None
    expected: Expectation | None
    place: int | None
    same: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NearSet(Part):
    """A tested set near to parameters that nobody tried.

    Attributes:
        params: the set.
        steps: of the tested grid between them.
        place: of the set among all.
        expected: what it is expected to earn.
    """

    params: Mapping[str, ParamValue]
    steps: float
    place: int | None
    expected: Expectation | None
