"""One recommend event: the row that is stored of an answer, and the lines that are logged.

A fact has one name in answer, row and log; a part of a part is named after both (`expected.low` is
`expected_low`). Where the mission document calls it otherwise in the log, `LOG_NAMES` says so;
where the stored column is older than its name, `COLUMN_NAMES` does. What each column means is in
`EVENT_FIELDS`.
"""

from __future__ import annotations

from typing import Any, Final

from tradingkb.domain import IndexTarget, Question
from tradingkb.observability import emit
from tradingkb.plain import plain
from tradingkb.recommend.answer import ANSWER_SCHEMA_VERSION, Recommendation
from tradingkb.recommend.asking.event_question import question_words

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
    facts = {name: getattr(answer, name) for name in _KEPT}
    row = {COLUMN_NAMES.get(name, name): plain(value) for name, value in facts.items()}
    return {
        **row,
        **{name: facts[name] for name in _TIMES},
        **_expected(answer),
        "workspace_id": target.workspace.id,
        "market_kind": question.market.kind,
        "regime_tags": list(answer.regime.tags) if answer.regime else [],
        "question": question_words(question),
        "schema_version": ANSWER_SCHEMA_VERSION,
        "source": question.caller,
        "replica": replica,
    }


def _expected(answer: Recommendation) -> dict[str, Any]:
    """What is expected, with its interval and its unit; nulls where nothing is chosen."""
    parts = {"value": "", "low": "_low", "high": "_high", "unit": "_unit"}
    found = answer.expected or dict.fromkeys(parts)
    return {f"expected{end}": plain(found[part]) for part, end in parts.items()}


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
