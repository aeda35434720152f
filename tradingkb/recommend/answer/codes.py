"""Reason and warning codes of an answer, each with what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Code:
    """One code: a sentence for a reader, and the action that removes it ("" where none does)."""

    meaning: str
    action: str = ""


CODES: Final[dict[str, Code]] = {
    "no_matches_after_strict_filters": Code(
        "no trial passed the strict filters",
        "apply one of recommended_relaxed_settings where there are any, or ingest more trials",
    ),
    "no_matches_after_relaxed_filters": Code(
        "no trial passed the relaxed filters either",
        "look at filter_rejections: one of the request's own values may rule everything out",
    ),
    "no_embedding_available": Code(
        "no similarity could be computed: the embedder or the vector index did not answer",
        "check the embedder and the vector index, then ask again",
    ),
    "vectors_outdated": Code(
        "no similarity could be computed: the index was made by another version of the model",
        "run kb.ingest(), or kb.reembed(): it embeds the windows again",
    ),
    "collection_empty": Code(
        "the vector index holds nothing for this question",
        "run kb.ingest() to index what is stored; give ohlcv= if the trials have no regime yet",
    ),
    "no_trials_for_strategy": Code(
        "the strategy has no trials in this workspace", "ingest trials of this strategy"
    ),
    "no_trials_known_by_then": Code(
        "no trial was known by as_of", "choose a later as_of, or ingest older trials"
    ),
    "all_trials_rejected": Code(
        "every known trial of the strategy is rejected", "ingest more trials, or restore some"
    ),
    "all_trials_archived": Code(
        "every trial that counts is archived in the active collection",
        "run kb.ingest(): it restores archived trials that are not rejected",
    ),
    "params_outside_spec": Code(
        "no nominated parameter set obeys the strategy's spec: what was tried lies outside of it",
        "ingest trials of parameters inside the spec, or widen it to what was tried",
    ),
    "no_trials_for_version": Code(
        "no trial is of this strategy version",
        "pass strategy_version= of the trials, or ingest trials of this version",
    ),
    "no_score_for_objective": Code(
        "no trial has the metrics that this objective needs",
        "choose another objective_type, or ingest the metrics it needs",
    ),
    "too_few_trades": Code(
        "every parameter set stayed out of most of its windows, or has a score in hardly any: "
        "there is too little to judge one by",
        "ingest longer windows, or sets that trade more often",
    ),
    "strict_to_relaxed": Code(
        "too few trials passed the strict filters, so relaxed ones nominate too",
        "review the filter thresholds, or ingest more trials",
    ),
    "metadata_only": Code("nominated from metadata alone, without similarity"),
    "repaired_params": Code(
        "the chosen parameters did not obey the strategy's spec and were repaired",
        "check the trials against the spec",
    ),
    "no_trials_of_timeframe": Code(
        "no trial is of the query's timeframe, so others stand in for it",
        "ingest trials of this timeframe, or check its spelling",
    ),
    "mixed_timeframes": Code(
        "the question names no timeframe and trials of several are stored",
        "pass timeframe=",
    ),
    "flat_prices": Code(
        "the bars hardly move: a dead feed has no regime", "check the source of the bars"
    ),
    "feature_clipped": Code("a regime feature lay outside its bounds and was clipped"),
    "ohlcv_gap": Code("the bars have a gap: only those after it were measured"),
    "ohlcv_trailing_rows": Code("the last rows hold no price and were left out"),
    "ohlcv_unfinished": Code("bars that had not closed yet were left out"),
    "ohlcv_empty_rows": Code("rows without any price were left out, as of days without trading"),
    "short_history": Code("so little history is known that the bars per year are a guess"),
    "regime_schema": Code(
        "the regime was measured by another release", "measure it again from its bars"
    ),
    "few_candidates": Code("fewer than 10 different trials nominate", "ingest more trials"),
    "few_windows": Code(
        "fewer than 3 separate windows stand behind the answer",
        "ingest trials from more windows: one window's luck proves little",
    ),
    "mostly_unscored": Code(
        "most windows that ran these parameters have no score of them: which ones have may be luck",
        "ingest the missing metrics, and n_trades_oos: no trade in a window is a result",
    ),
    "one_quarter": Code(
        "all windows behind the answer lie in one calendar quarter: one market, tried often",
        "ingest trials from other times",
    ),
    "expected_loss": Code(
        "even these parameters are expected to lose: the evidence speaks against the strategy here",
        "consider not trading this strategy in this market",
    ),
    "missing_regime_context": Code(
        "no regime was given, so the answer does not depend on the state of the market",
        "pass ohlcv= or regime=",
    ),
    "in_sample_only": Code(
        "the evidence is in-sample, where scores are flattered by the search",
        "ingest out-of-sample results",
    ),
    "uncalibrated": Code(
        "the confidence is not calibrated on outcomes; read the interval of `expected` instead",
        "once trials of several years are stored, calibrate it: kb.calibrate()",
    ),
    "backtest_overfitting": Code(
        "taking the best parameters of this grid is likely overfitting, or too little was tried to "
        "tell: beyond the limit asked for",
        "try fewer parameter sets on more windows, or raise max_pbo",
    ),
    "low_deflated_sharpe": Code(
        "no nominated parameters have the deflated Sharpe ratio that was asked for: what they show "
        "may be the luck of the best of so many",
        "ingest more windows, or lower min_deflated_sharpe",
    ),
    "few_in_sample_trades": Code(
        "these parameters traded fewer than 10 times in-sample on average: their scores rest on "
        "little"
    ),
    "calibration_stale": Code(
        "many windows came in since the confidence was calibrated",
        "calibrate it again: kb.calibrate()",
    ),
    "defaults_recommended": Code(
        "the evidence recommends the strategy's defaults: there is nothing that a confidence could "
        "compare"
    ),
    "mixed_strategy_versions": Code(
        "trials that name no strategy version are pooled with those that do",
        "give each trial its strategy_version",
    ),
    "mixed_costs": Code(
        "trials of different cost assumptions are pooled", "compare trials of equal cost_bps"
    ),
    "no_strategy_spec": Code(
        "no spec is registered: parameters are taken as they were tried, and there are no defaults "
        "to compare with",
        "register a spec: kb.register_strategy(StrategySpec(...))",
    ),
    "defaults_expected_as_good": Code(
        "the strategy's defaults are expected to earn as much or more: the evidence does not tell "
        "the two apart, or nothing nominates the defaults"
    ),
    "no_own_history": Code(
        "no window of this symbol and timeframe is among the evidence",
        "ingest trials of this symbol and timeframe, or check its spelling",
    ),
    "ohlcv_cut_at_as_of": Code("bars that closed after as_of were left out"),
    "params_not_tested": Code("exactly these parameters were never tried"),
    "params_without_evidence": Code(
        "exactly these parameters were tried, but none of their trials counts: they are rejected, "
        "of another version, or without a score",
        "look at their trials: kb.trials()",
    ),
    "params_break_spec": Code(
        "these parameters do not obey the strategy's spec, so no answer would recommend them",
        "correct the parameters or the spec",
    ),
    "few_own_trades": Code(
        "these parameters never traded in your own tuning, so no answer would recommend them"
    ),
    "defaults_expected_better": Code(
        "the strategy's defaults are expected to earn as much as these parameters or more",
        "look at against_defaults, and at the recommended parameters",
    ),
}


def meanings(codes: Sequence[str]) -> dict[str, str]:
    """Each code with what it means."""
    return {code: CODES[code].meaning if code in CODES else code for code in codes}


def actions_for(codes: Sequence[str]) -> tuple[str, ...]:
    """What to do, once per action, in the order of the codes."""
    found = [CODES[c].action for c in codes if c in CODES and CODES[c].action]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Said:
    """Codes and sentences that a step found; steps are added up in their order.

    Attributes:
        reasons: codes that explain the status.
        warnings: codes of caveats that do not change it by themselves.
        notes: sentences with the details behind codes.
    """

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Said) -> Said:
        return Said(
            self.reasons + other.reasons,
            self.warnings + other.warnings,
            self.notes + other.notes,
        )
