"""One recommend event: the row that is stored of an answer, and the lines that are logged.

A fact has one name in answer, row and log; a part of a part is named after both (`expected.low` is
`expected_low`). Where the mission document calls it otherwise in the log, `LOG_NAMES` says so;
where the stored column is older than its name, `COLUMN_NAMES` does. What each column means is in
`EVENT_FIELDS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from tradingkb.domain import IndexTarget, Question
from tradingkb.observability import emit
from tradingkb.plain import plain
from tradingkb.recommend.answer import ANSWER_SCHEMA_VERSION, Recommendation

#: Name of a fact in the log, where it is another one than in the answer.
LOG_NAMES: Final = {"strategy_name": "strategy", "objective_type": "objective"}
#: Column of a fact in `recommend_events`, likewise.
COLUMN_NAMES: Final = {"recommended_relaxed_settings": "relaxations"}
#: Facts of an answer that its row keeps.
_KEPT: Final = (
    "request_id",
    "at",
    "strategy_name",
    "objective_type",
    "status",
    "confidence",
    "confidence_band",
    "reasons",
    "warnings",
    "after_strict",
    "after_relaxed",
    "windows_used",
    "strict_to_relaxed",
    "metadata_only",
    "repaired_params",
    "filter_rejections",
    "recommended_relaxed_settings",
    "params",
    "embed_model",
    "collection",
    "timings",
    "weights",
    "symbol",
    "timeframe",
    "as_of",
    "strategy_version",
    "regime",
    "filters",
    "params_tested",
    "baseline_expected",
    "defaults_expected",
)
#: Columns that hold times, which are stored as such; the rest is stored as JSON has it.
_TIMES: Final = ("at", "as_of")
#: Own parameter sets that an event names, about 60 bytes each; of more it keeps number and digest.
KEPT_OWN_SETS: Final = 200
#: Facts of a row that are logged, in this order.
_LOGGED: Final = (
    "request_id",
    "workspace_id",
    "strategy_name",
    "objective_type",
    "symbol",
    "timeframe",
    "market_kind",
    "status",
    "confidence",
    "confidence_band",
    "reasons",
    "warnings",
    "after_strict",
    "after_relaxed",
    "windows_used",
    "strict_to_relaxed",
    "metadata_only",
    "embed_model",
    "collection",
    "source",
    "replica",
)


def event_row(
    answer: Recommendation, target: IndexTarget, question: Question, replica: str
) -> dict[str, Any]:
    """The row of `recommend_events`; structures as JSON has them, times as times."""
    row: dict[str, Any] = plain(
        {COLUMN_NAMES.get(name, name): getattr(answer, name) for name in _KEPT}
    )
    return {
        **row,
        **{name: getattr(answer, name) for name in _TIMES},
        **_expected(answer),
        "workspace_id": target.workspace.id,
        "market_kind": question.market.kind,
        "regime_tags": list(answer.regime.tags) if answer.regime else [],
        "question": question_words(question),
        "schema_version": ANSWER_SCHEMA_VERSION,
        "source": question.caller,
        "replica": replica,
    }


def question_words(question: Question) -> dict[str, Any]:
    """What the answer to a question does not say of it, as JSON has it.

    Its strategy, objective, instrument, regime and time are columns of the event.

    Returns:
        timeframe, strategy_version: as asked; null where the evidence suggested them.
        overrides: of the filters, those stated; null where one is switched off (infinity).
        min_deflated_sharpe, max_pbo: limits; null for none.
        own_trades: null, or n (sets), sha256 and trades (by canonical parameters; null where there
            are more than `KEPT_OWN_SETS`).
        market_warnings, market_notes: what reading the market found.
    """
    market = question.market
    words = {
        "timeframe": market.timeframe,
        "strategy_version": question.strategy_version,
        "overrides": question.overrides.given,
        "min_deflated_sharpe": _number(question.min_deflated_sharpe),
        "max_pbo": _number(question.max_pbo),
        "own_trades": _own_words(question.own_trades),
        "market_warnings": market.warnings,
        "market_notes": market.notes,
    }
    form: dict[str, Any] = plain(words)
    return form


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)  # NumPy's numbers are numbers too


def _own_words(trades: Mapping[str, float] | None) -> dict[str, Any] | None:
    if trades is None:
        return None
    kept = dict(trades) if len(trades) <= KEPT_OWN_SETS else None
    return {"n": len(trades), "sha256": own_digest(trades), "trades": kept}


def own_digest(trades: Mapping[str, float]) -> str:
    """SHA-256 of trade counts by parameters, whatever their order."""
    text = json.dumps(sorted((params, float(n)) for params, n in trades.items()))
    return sha256(text.encode()).hexdigest()


def _expected(answer: Recommendation) -> dict[str, Any]:
    """What is expected, with its interval and its unit; nulls where nothing is chosen."""
    parts = {"value": "", "low": "_low", "high": "_high", "unit": "_unit"}
    found = {} if answer.expected is None else vars(answer.expected)
    return {f"expected{end}": plain(found.get(part)) for part, end in parts.items()}


def log_answer(row: dict[str, Any], answer: Recommendation) -> None:
    """Logs `kb_recommend_complete`, and which rules decided places."""
    logged = {LOG_NAMES.get(name, name): row[name] for name in _LOGGED}
    emit(
        "kb_recommend_complete",
        **logged,
        repaired_params=bool(answer.repaired_params),
        total_ms=answer.timings["total_ms"],
    )
    for rule, count in answer.tie_break_counts.items():
        emit(
            "kb_tiebreak_applied_total",
            rule=rule,
            count=count,
            workspace_id=row["workspace_id"],
            strategy=answer.strategy_name,
        )
