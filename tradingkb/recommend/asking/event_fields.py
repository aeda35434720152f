"""What each column of `recommend_events` means: the reference page is made from this."""

from __future__ import annotations

from typing import Final

from tradingkb.recommend.asking.event import KEPT_OWN_SETS

#: Meaning by column, in the order of `kb.events()`. Structures are JSON (as text in `kb.events()`).
#: "Since 0005": null in the events of releases before schema 0005.
EVENT_FIELDS: Final[dict[str, str]] = {
    "request_id": "Name of the request, made or given by the caller, up to 64 characters. One that "
    "is tried again under its name leaves one event per answer, told apart by at.",
    "at": "When the answer was given, UTC.",
    "workspace_id": "Id (UUID) of the workspace whose trials answered.",
    "strategy_name": "Strategy that was asked about.",
    "objective_type": "What trials were judged by, such as sharpe.",
    "status": "ok, degraded (usable, with a caveat) or none (nothing is defensible).",
    "confidence": "Rate, 0 to 1, at which all past choices of the workspace and objective beat the "
    "strategy's defaults in the next window; null while uncalibrated.",
    "confidence_band": "Band of the confidence by the lower end of its interval: high (from 0.6), "
    "medium (above 0.5), low; none without one.",
    "reasons": "List of codes that explain the status.",
    "warnings": "List of codes of caveats that do not change the status by themselves.",
    "after_strict": "Trials that pass the strict filters, a count.",
    "after_relaxed": "Trials that pass the relaxed filters, whether relaxing was needed or not.",
    "windows_used": "Windows of the query's timeframe that tried the recommended parameters, a "
    "count.",
    "strict_to_relaxed": "Whether relaxed filters added nominations.",
    "metadata_only": "Whether similarity was wanted and could not be computed.",
    "repaired_params": "Parameter to what was changed to make it obey the strategy's spec; the log "
    "says only whether there are any.",
    "filter_rejections": "Per strict filter: filter, value (threshold), fails (trials), fails_only "
    "(trials that fail nothing else), unknown (of them, without the metric).",
    "relaxations": "Per filter alone, the smallest change that lets enough trials through: filter, "
    "current, suggested, candidates (trials), windows, sufficient, risk, unknown. The answer calls "
    "it recommended_relaxed_settings.",
    "regime_tags": "Tags of the query's regime; empty without one.",
    "params": "Recommended parameters by name; null when status is none.",
    "embed_model": "Embedding model in force.",
    "collection": "Collection of the vector index in force.",
    "timings": "Milliseconds per step, and total_ms.",
    "weights": "Settings and weights that made the answer, by name.",
    "source": "Who asked: python, cli, http, dashboard, runbook or probe; probes are left out of "
    "the rates.",
    "replica": "Process that answered (TRADINGKB_REPLICA, by default local).",
    "symbol": "Instrument of the question; null where it names none. Since 0005.",
    "timeframe": "Timeframe that is quoted: the asked one, or the one that the evidence suggests; "
    "null where neither says one. Since 0005.",
    "as_of": "Only what was knowable at this time counted, UTC; null for now. Since 0005.",
    "strategy_version": "Version whose evidence counted: the asked, else the registered, else the "
    "newest one; null for all. Since 0005.",
    "market_kind": "Whether the regime of the question was measured, stated or not given (none). "
    "Since 0005.",
    "regime": "The query's regime, with the fields of Regime.to_dict(), features in the units of "
    "the page on regimes; null when market_kind is none. Since 0005.",
    "filters": "Strict filters in force: require_oos, max_drawdown (fraction), min_trades, "
    "max_overfit_gap (Sharpe ratio; null is off), regime_tags, unknown_passes. Since 0005.",
    "question": "What else was asked: timeframe and strategy_version as asked (null where they "
    "were found), overrides (filters that the question states; null is off), min_deflated_sharpe "
    "and max_pbo (limits, 0 to 1), own_trades (n sets, sha256, and in-sample trades by parameters, "
    f"null for more than {KEPT_OWN_SETS} sets), market_warnings, market_notes. Since 0005.",
    "params_tested": "Whether exactly the recommended parameters were ever tried. Since 0005.",
    "expected": "What the recommended parameters are expected to earn per window, in "
    "expected_unit; null when status is none. Since 0005.",
    "expected_low": "Lower end of the interval of the mean, in expected_unit; null when too little "
    "is known. Since 0005.",
    "expected_high": "Upper end of the interval of the mean, likewise. Since 0005.",
    "expected_unit": "Unit of what is expected: that of the objective, such as annualised. Since "
    "0005.",
    "baseline_expected": "What the regime-agnostic average's choice is expected to earn, in "
    "expected_unit. Since 0005.",
    "defaults_expected": "What the strategy's defaults are expected to earn, in expected_unit; "
    "null where none are declared or nobody tried them. Since 0005.",
    "schema_version": "Version of the answer's JSON form. Since 0005.",
}
