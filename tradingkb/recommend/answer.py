"""The answer: parameters, what stands behind them, and what stood in the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import polars as pl

from tradingkb.domain.regime import Regime
from tradingkb.domain.strategy import ParamValue
from tradingkb.recommend.codes import CODES

AnswerStatus = Literal["ok", "degraded", "none"]


@dataclass(frozen=True, repr=False)
class Recommendation:
    """One answer. Units: fractions, annualised Sharpe; times UTC.

    Attributes:
        status: "ok", "degraded" (usable, with a caveat) or "none" (nothing is defensible).
        params: the recommended parameters; None when status is "none".
        confidence: probability that these parameters beat the strategy's defaults in the next
            window, from what past choices did; None while `uncalibrated`.
        overfitting: `deflated_sharpe` of these parameters (value: probability that their Sharpe
            ratio exceeds the annualised `benchmark` that the best of `n_trials` shows by luck;
            sharpe, years) and `pbo` of taking the best set (value, loss_probability, n_sets,
            n_splits, n_quarters); either is None where it is unknown.
        calibration: what the confidence rests on: value, low and high (at `level`), n and
            n_quarters (past decisions), kind (base_rate, pooled, logistic), base_rate,
            evidence_band, fitted_at, known_until; None while `uncalibrated`.
        expected: the objective per window: value, low and high (90 % interval of the mean),
            window_low and window_high (10 % and 90 % of single windows), n_windows, n_quarters,
            own_windows; None when status is "none".
        reasons: codes that explain the status; see `tradingkb.recommend.codes`.
        warnings: codes of caveats that do not change the status by themselves.
        notes: sentences with the details behind codes.
        suggested_actions: what to do, as sentences.
        strict_count, relaxed_count: trials that pass the strict and the relaxed filters (the log's
            after_strict, after_relaxed), whether relaxing was needed or not.
        used_relaxed_filters: relaxed filters added nominations.
        used_metadata_fallback: similarity was wanted and could not be computed.
        repaired_params: parameter to what was changed.
        params_tested: whether exactly these parameters were ever tried.
        trials: the best nominations, ranked: rank, source_id, score, objective, similarity,
            regime_distance, tags, kb_status, relaxed, tie_break, params, symbol, timeframe, dates.
        evidence: every window of the query's timeframe that tried the recommended parameters, good
            and bad (of all timeframes, where none is of the query's).
        windows_used: their number.
        spreads: per parameter, how far the ten best-supported sets agree.
        regime: the query's.
        filter_rejections: per filter: value, fails, fails_only, unknown.
        recommended_relaxed_settings: per filter alone, the smallest sufficient change.
        baseline: what the regime-agnostic average chooses, and what the defaults earned.
        tie_break_counts: how often each rule decided a place of `trials`.
        weights: the settings that made this answer.
        debug: the funnel and every parameter set's evidence, with mode="debug".
    """

    request_id: str
    at: datetime
    workspace: str
    strategy_name: str
    objective_type: str
    status: AnswerStatus
    params: dict[str, ParamValue] | None
    expected: dict[str, Any] | None
    reasons: list[str]
    warnings: list[str]
    suggested_actions: list[str]
    strict_count: int
    relaxed_count: int
    used_relaxed_filters: bool
    used_metadata_fallback: bool
    repaired_params: dict[str, str]
    params_tested: bool
    trials: pl.DataFrame = field(repr=False)
    evidence: pl.DataFrame = field(repr=False)
    windows_used: int
    spreads: dict[str, dict[str, Any]]
    regime: Regime | None
    filter_rejections: list[dict[str, Any]]
    recommended_relaxed_settings: list[dict[str, Any]]
    baseline: dict[str, Any] | None
    active_collection: str
    embed_model: str
    timings: dict[str, float]
    symbol: str | None = None
    timeframe: str | None = None
    as_of: datetime | None = None
    strategy_version: str | None = None
    notes: list[str] = field(default_factory=list)
    tie_break_counts: dict[str, int] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    debug: dict[str, Any] | None = None
    overfitting: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    confidence: float | None = None
    confidence_band: Literal["high", "medium", "low", "none"] = "none"

    def __repr__(self) -> str:
        """One line without ids and times: the same answer prints the same everywhere."""
        value = f", expected {self.expected['value']:.3g}" if self.expected else ""
        why = f", {', '.join(self.reasons)}" if self.reasons else ""
        return f"<Recommendation {self.strategy_name}: {self.status}, {self.params}{value}{why}>"

    def __str__(self) -> str:
        from tradingkb.presentation.text import answer_text

        return answer_text(self.to_dict())

    @property
    def uncalibrated(self) -> bool:
        """Whether `confidence` is None because too few outcomes are known to calibrate it."""
        return self.confidence is None

    def explain_codes(self) -> dict[str, str]:
        """Each reason and warning with what it means."""
        codes = [*self.reasons, *self.warnings]
        return {code: CODES[code].meaning if code in CODES else code for code in codes}

    def to_dict(self) -> dict[str, Any]:
        """The one JSON form that command line, HTTP and notebooks share."""
        plain = dict(vars(self))
        plain["at"] = self.at.isoformat()
        plain["as_of"] = self.as_of.isoformat() if self.as_of else None
        plain["regime"] = self.regime.to_dict() if self.regime else None
        plain["trials"] = as_rows(self.trials)
        plain["evidence"] = as_rows(self.evidence)
        plain["uncalibrated"] = self.uncalibrated
        plain["meanings"] = self.explain_codes()
        if self.debug is None:
            del plain["debug"]
        result: dict[str, Any] = json_ready(plain)
        return result

    def _repr_html_(self) -> str:
        from tradingkb.presentation.card import answer_card

        return answer_card(self.to_dict())

    def plot(self) -> Any:
        """A Plotly figure of the evidence (needs the `notebooks` extra).

        Raises:
            ConfigurationError: plotly is not installed.
        """
        from tradingkb.presentation.figure import evidence_figure

        return evidence_figure(self.to_dict())


def as_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A frame as JSON-ready rows, times as ISO 8601 text."""
    times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
    return frame.with_columns(pl.col(c).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for c in times).to_dicts()


def json_ready(value: Any) -> Any:
    """JSON knows no infinity, NaN or tuples: None and lists instead."""
    if isinstance(value, dict):
        return {str(k): json_ready(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
