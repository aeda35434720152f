"""The answer: parameters, what stands behind them, and what stood in the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from tradingkb.domain import ParamValue, Regime, Rejection, Relaxation
from tradingkb.plain import plain
from tradingkb.printable import printable
from tradingkb.ranking import Expectation, Spread
from tradingkb.recommend.answer.codes import meanings
from tradingkb.recommend.answer.parts import (
    AnswerStatus,
    Band,
    Baseline,
    CalibrationBasis,
    Debug,
    Option,
    Overfitting,
)

#: Raised when a field of the JSON form changes its name or its meaning.
ANSWER_SCHEMA_VERSION = 1


@dataclass(frozen=True, repr=False)
class Recommendation:
    """One answer. Units: fractions, annualised Sharpe; times UTC.

    Attributes:
        request_id: under which name the answer is logged and stored.
        at: when it was given.
        workspace: slug.
        strategy_name: which strategy was asked about.
        objective_type: what its parameters are to be good at.
        status: "ok", "degraded" (usable, with a caveat) or "none" (nothing is defensible).
        params: the recommended parameters; None when status is "none".
        confidence: how often all past choices of the workspace and objective beat the strategy's
            defaults in the next window, nothing learnt of this one; None while `uncalibrated`.
        confidence_band: by the lower end of its interval: "high" from 0.6 on, "medium" above one
            half, else "low"; "none" without one.
        overfitting: the deflated Sharpe ratio of these parameters, and the probability of backtest
            overfitting of taking the best set.
        calibration: what the confidence rests on; None while `uncalibrated`.
        expected: the objective per window, with its intervals and the evidence counted; None when
            status is "none".
        reasons: codes that explain the status; see `tradingkb.recommend.answer.codes`.
        warnings: codes of caveats that do not change the status by themselves.
        notes: sentences with the details behind codes.
        suggested_actions: what to do, as sentences.
        after_strict: trials that pass the strict filters; one that is stored under several ids
            counts once.
        after_relaxed: trials that pass the relaxed filters, whether relaxing was needed or not.
        strict_to_relaxed: relaxed filters added nominations.
        metadata_only: similarity was wanted and could not be computed.
        repaired_params: parameter to what was changed.
        params_tested: whether exactly these parameters were ever tried.
        trials: the best nominations, ranked: rank, source_id, score, objective, similarity,
            regime_distance, tags, kb_status, relaxed, tie_break, params, symbol, timeframe, dates.
        evidence: every window of the query's timeframe that tried the recommended parameters, good
            and bad (of all timeframes, where none is of the query's). Its `weight` is how like the
            window's regime is to the question's, 0 to 1: it is shown, and decides nothing.
        windows_used: number of windows of the evidence.
        spreads: per parameter, how far the ten best-supported sets agree.
        regime: the question's, measured or stated; None without one.
        filter_rejections: per filter, how many trials fail it, and how many fail it alone.
        recommended_relaxed_settings: per filter alone, the smallest sufficient change.
        baseline: what the plain average chooses, and the defaults.
        collection: the vector collection in force.
        embed_model: the embedder in force.
        symbol: the instrument asked about; None where none was named.
        timeframe: of the instrument, or the one that the evidence suggests.
        as_of: only what was knowable then counted; None for now.
        strategy_version: whose evidence counted; None for all.
        tie_break_counts: how often each rule decided a place of `trials`.
        weights: the settings that made this answer.
        filters: the strict filters in force.
        timings: milliseconds per step.
        debug: the funnel and every parameter set's evidence, with mode="debug".
    """

    request_id: str
    at: datetime
    workspace: str
    strategy_name: str
    objective_type: str
    status: AnswerStatus
    params: dict[str, ParamValue] | None
    expected: Expectation | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    suggested_actions: tuple[str, ...]
    after_strict: int
    after_relaxed: int
    strict_to_relaxed: bool
    metadata_only: bool
    repaired_params: dict[str, str]
    params_tested: bool
    trials: pl.DataFrame = field(repr=False)
    evidence: pl.DataFrame = field(repr=False)
    windows_used: int
    spreads: Mapping[str, Spread]
    regime: Regime | None
    filter_rejections: tuple[Rejection, ...]
    recommended_relaxed_settings: tuple[Relaxation, ...]
    baseline: Baseline | None
    collection: str
    embed_model: str
    timings: Mapping[str, float]
    symbol: str | None = None
    timeframe: str | None = None
    as_of: datetime | None = None
    strategy_version: str | None = None
    notes: tuple[str, ...] = ()
    tie_break_counts: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    debug: Debug | None = None
    overfitting: Overfitting | None = None
    calibration: CalibrationBasis | None = None
    confidence: float | None = None
    confidence_band: Band = "none"

    def __repr__(self) -> str:
        """One line without ids and times: the same answer prints the same everywhere."""
        value = f", expected {self.expected.value:.3g}" if self.expected else ""
        why = f", {', '.join(self.reasons)}" if self.reasons else ""
        return printable(
            f"<Recommendation {self.strategy_name}: {self.status}, {self.params}{value}{why}>"
        )

    def __str__(self) -> str:
        from tradingkb.presentation import answer_text

        return printable(answer_text(self.to_dict()))

    @property
    def uncalibrated(self) -> bool:
        """Whether `confidence` is None because too few outcomes are known to calibrate it."""
        return self.confidence is None

    @property
    def baseline_expected(self) -> float | None:
        """What the plain average's choice is expected to earn; None where that is unknown."""
        return None if self.baseline is None else _value(self.baseline.regime_agnostic)

    @property
    def defaults_expected(self) -> float | None:
        """What the declared defaults are expected to earn; None where that is unknown."""
        return None if self.baseline is None else _value(self.baseline.defaults)

    def explain_codes(self) -> dict[str, str]:
        """Each reason and warning with what it means."""
        return meanings([*self.reasons, *self.warnings])

    def to_dict(self, without: Collection[str] = ()) -> dict[str, Any]:
        """The one JSON form that command line, HTTP and notebooks share.

        Args:
            without: facts to leave out, such as the tables "evidence" and "trials".
        """
        left_out = {"debug", *without}
        facts = {name: value for name, value in vars(self).items() if name not in left_out}
        if self.debug is not None:
            facts["debug"] = self.debug
        facts |= {
            "uncalibrated": self.uncalibrated,
            "meanings": self.explain_codes(),
            "schema_version": ANSWER_SCHEMA_VERSION,
        }
        form: dict[str, Any] = plain(facts)
        return form

    def _repr_html_(self) -> str:
        from tradingkb.presentation import answer_card

        return answer_card(self.to_dict())

    def plot(self) -> Any:
        """A Plotly figure of the evidence (needs the `notebooks` extra).

        Raises:
            ConfigurationError: plotly is not installed.
        """
        from tradingkb.presentation import evidence_figure

        return evidence_figure(self.to_dict())


def _value(option: Option | None) -> float | None:
    return None if option is None or option.expected is None else option.expected.value
