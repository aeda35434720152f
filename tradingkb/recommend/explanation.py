"""The explanation of parameters that a user already runs: the evidence of an answer, for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from tradingkb.domain.regime import Regime
from tradingkb.domain.strategy import ParamValue
from tradingkb.recommend.answer import as_rows, json_ready
from tradingkb.recommend.codes import CODES


@dataclass(frozen=True, repr=False)
class Explanation:
    """What is known of one parameter set. Units as in `Recommendation`.

    Attributes:
        params: the explained parameters, complete.
        filled: those of them that were not given, and are the declared defaults.
        tested: whether a trial that counts tried exactly these parameters.
        problems: what keeps them from obeying the strategy's spec, as sentences.
        place: their place among `n_sets` by the score that answers are chosen by (rank within each
            window, shrunk and smoothed over neighbours), 1 is best-supported, equal ones share the
            better place; None when they were never tried. A recommendation need not be in place 1:
            it also has to be nominated and to obey the spec, and promoted sets win ties.
        n_sets: parameter sets with evidence.
        score_difference: their score less the best one's, 0 or below, in rank within a window
            (0 worst to 1 best).
        expected: as in `Recommendation`; None when these were never tried.
        evidence: every window of the query's timeframe that tried them, good and bad, as in
            `Recommendation`; `windows_used` and `quarters_used` count it, `symbols` are its
            instruments.
        against_defaults: the same windows, as far as they tried the defaults too: n, n_quarters,
            n_better, n_equal, share (of windows in which these did better) and mean_difference (in
            the objective's unit, positive where these are better); None when these *are* the
            defaults, none are declared, or no window tried both.
        recommended: what `recommend` answers to the same question: status, params, expected,
            place, same (whether it is these parameters), reasons, warnings.
        baseline: the regime-agnostic average's choice and the defaults, as in `Recommendation`.
        nearest: the tested sets nearest to these, where these were never tried: params, steps (of
            the tested grid), place, expected.
        reasons: codes of what weakens or forbids a judgement.
        warnings: codes of other caveats.
        notes: sentences with the details behind codes.
        suggested_actions: what to do, as sentences.
        regime: the query's.
        weights: the settings that made this.
    """

    at: datetime
    workspace: str
    strategy_name: str
    objective_type: str
    params: dict[str, ParamValue]
    filled: dict[str, ParamValue]
    tested: bool
    problems: list[str]
    place: int | None
    n_sets: int
    score_difference: float | None
    expected: dict[str, Any] | None
    evidence: pl.DataFrame = field(repr=False)
    windows_used: int
    quarters_used: int
    symbols: list[str]
    against_defaults: dict[str, Any] | None
    recommended: dict[str, Any]
    baseline: dict[str, Any]
    nearest: list[dict[str, Any]]
    reasons: list[str]
    warnings: list[str]
    notes: list[str]
    suggested_actions: list[str]
    regime: Regime | None
    symbol: str | None = None
    timeframe: str | None = None
    as_of: datetime | None = None
    strategy_version: str | None = None
    weights: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line without times: the same explanation prints the same everywhere."""
        value = f", expected {self.expected['value']:.3g}" if self.expected else ""
        place = f"place {self.place} of {self.n_sets}" if self.place else "never tried"
        return f"<Explanation {self.strategy_name}: {self.params}, {place}{value}>"

    def __str__(self) -> str:
        from tradingkb.presentation.explanation import explanation_text

        return explanation_text(self.to_dict())

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
        plain["evidence"] = as_rows(self.evidence)
        plain["meanings"] = self.explain_codes()
        result: dict[str, Any] = json_ready(plain)
        return result

    def _repr_html_(self) -> str:
        from tradingkb.presentation.explanation import explanation_card

        return explanation_card(self.to_dict())
