"""The explanation of parameters that a user already runs: the evidence of an answer, for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from tradingkb.domain import ParamValue, Regime
from tradingkb.plain import plain
from tradingkb.printable import printable
from tradingkb.ranking import Expectation
from tradingkb.recommend.answer.codes import meanings
from tradingkb.recommend.answer.parts import AgainstDefaults, Baseline, NearSet, Recommended


@dataclass(frozen=True, repr=False)
class Explanation:
    """What is known of one parameter set. Units as in `Recommendation`.

    Attributes:
        params: the explained parameters, complete.
        filled: those of them that were not given, and are the declared defaults.
        tested: whether a trial that counts tried exactly these parameters.
        problems: what keeps them from obeying the strategy's spec, as sentences.
        place: their place among `n_sets` by what is expected of them, 1 is best, equal ones share
            the better place; None when they were never tried. A recommendation need not be in
            place 1: it also has to be nominated and to obey the spec, and among sets that the
            evidence does not tell apart a promoted one goes first, then the one that ranks best.
        n_sets: parameter sets with evidence.
        score_difference: how much worse than the best one they are expected to do, 0 or below,
            in the objective's unit.
        expected: as in `Recommendation`; None when these were never tried.
        evidence: every window of the query's timeframe that tried them, good and bad, as in
            `Recommendation`.
        windows_used, quarters_used: windows of the evidence, and their distinct quarters.
        symbols: instruments of the evidence.
        against_defaults: the same windows, as far as they tried the defaults too; None when these
            *are* the defaults, none are declared, or no window tried both.
        recommended: what `recommend` answers to the same question.
        baseline: the plain average's choice and the defaults, as in `Recommendation`.
        nearest: the tested sets nearest to these, where these were never tried.
        reasons: codes of what weakens or forbids a judgement.
        warnings: codes of other caveats.
        notes: sentences with the details behind codes.
        suggested_actions: what to do, as sentences.
        regime: the query's.
        weights: the settings that made this.
        at: when it was given.
        workspace, strategy_name, objective_type: of the question.
        symbol, timeframe, as_of, strategy_version: as in `Recommendation`.
    """

    at: datetime
    workspace: str
    strategy_name: str
    objective_type: str
    params: dict[str, ParamValue]
    filled: dict[str, ParamValue]
    tested: bool
    problems: tuple[str, ...]
    place: int | None
    n_sets: int
    score_difference: float | None
    expected: Expectation | None
    evidence: pl.DataFrame = field(repr=False)
    windows_used: int
    quarters_used: int
    symbols: tuple[str, ...]
    against_defaults: AgainstDefaults | None
    recommended: Recommended
    baseline: Baseline
    nearest: tuple[NearSet, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    suggested_actions: tuple[str, ...]
    regime: Regime | None
    symbol: str | None = None
    timeframe: str | None = None
    as_of: datetime | None = None
    strategy_version: str | None = None
    weights: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line without times: the same explanation prints the same everywhere."""
        value = f", expected {self.expected.value:.3g}" if self.expected else ""
        place = f"place {self.place} of {self.n_sets}" if self.place else "never tried"
        return printable(f"<Explanation {self.strategy_name}: {self.params}, {place}{value}>")

    def __str__(self) -> str:
        from tradingkb.presentation import explanation_text

        return printable(explanation_text(self.to_dict()))

    def explain_codes(self) -> dict[str, str]:
        """Each reason and warning with what it means."""
        return meanings([*self.reasons, *self.warnings])

    def to_dict(self) -> dict[str, Any]:
        """The one JSON form that command line, HTTP and notebooks share."""
        form: dict[str, Any] = plain({**vars(self), "meanings": self.explain_codes()})
        return form

    def _repr_html_(self) -> str:
        from tradingkb.presentation import explanation_card

        return explanation_card(self.to_dict())
