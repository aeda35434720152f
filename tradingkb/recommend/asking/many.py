"""Many questions in one call: answers as rows, events in few transactions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

import polars as pl

from tradingkb.domain import IndexTarget, Question, canonical_params
from tradingkb.exceptions import (
    BackendUnavailableError,
    InvalidInputError,
    NotReadyError,
    TradingKBError,
)
from tradingkb.progress import Progress
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.asking.event_log import EventLog
from tradingkb.recommend.asking.recommender import Recommender

#: Columns of the answers, and what they hold.
SCHEMA: Final[dict[str, Any]] = {
    "strategy_name": pl.String,
    "objective_type": pl.String,
    "market": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "status": pl.String,
    "params": pl.String,
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "confidence": pl.Float64,
    "confidence_low": pl.Float64,
    "confidence_high": pl.Float64,
    "baseline_expected": pl.Float64,
    "defaults_expected": pl.Float64,
    "windows": pl.Int64,
    "quarters": pl.Int64,
    "own_windows": pl.Int64,
    "reasons": pl.List(pl.String),
    "warnings": pl.List(pl.String),
    "request_id": pl.String,
    "error": pl.String,
}
#: Strategies whose trials are read together.
_TOGETHER: Final = 64
_ERRORS: Final = (InvalidInputError, BackendUnavailableError, NotReadyError)


@dataclass(frozen=True)
class Asked:
    """One of many questions.

    Attributes:
        row: its place, from 1.
        said: what its row of the answers shows where there is no answer.
        question: None when it could not be read.
        error: why it could not.
    """

    row: int
    said: dict[str, Any] = field(default_factory=dict)
    question: Question | None = None
    error: TradingKBError | None = None


def answer_many(
    recommender: Recommender,
    events: EventLog,
    target: IndexTarget,
    asked: Sequence[Asked],
    *,
    strict: bool,
    progress: Progress,
) -> pl.DataFrame:
    """One row per question, in the order asked; each answer is recorded like a single one.

    Questions of one strategy are answered one after the other, so that its trials are looked up
    once, and the trials of many strategies are read together; no answer depends on either.

    Raises:
        InvalidInputError: with `strict`, the first question that has no answer; then nothing is
            recorded.
        BackendUnavailableError, NotReadyError: likewise.
    """
    rows: dict[int, dict[str, Any]] = {}
    answered: dict[int, dict[str, Any]] = {}
    errors: dict[int, TradingKBError] = {}
    newest = cache(recommender.calibrations.newest)
    ask = partial(recommender.answer, target, newest=newest)
    for done, one in enumerate(_prepared(recommender, target, sorted(asked, key=_group)), 1):
        try:
            answer = _answer(ask, one)
        except _ERRORS as error:
            errors[one.row] = error
            rows[one.row] = {**one.said, "status": "error", "error": f"row {one.row}: {error}"}
        else:
            rows[one.row] = {**one.said, **_row(answer)}
            assert one.question is not None
            answered[one.row] = events.logged(answer, target, one.question)
        progress("recommend", done, len(asked))
    if strict and errors:
        raise _located(*min(errors.items(), key=lambda item: item[0]))
    events.save([answered[row] for row in sorted(answered)])
    return pl.DataFrame([rows[row] for row in sorted(rows)], schema=SCHEMA)


def _prepared(
    recommender: Recommender, target: IndexTarget, asked: Sequence[Asked]
) -> Iterator[Asked]:
    """The questions, whose trials have been read when they come; asked strategy by strategy."""
    names = list(dict.fromkeys(q.strategy_name for one in asked if (q := one.question)))
    heads = {names[i]: names[i : i + _TOGETHER] for i in range(0, len(names), _TOGETHER)}
    for one in asked:
        name = one.question.strategy_name if one.question else ""
        if name in heads:
            # What cannot be read now is said by the questions that need it, each in its row.
            with contextlib.suppress(BackendUnavailableError, NotReadyError):
                recommender.prepare(target, heads.pop(name))
        yield one


def _group(one: Asked) -> tuple[Any, ...]:
    """What questions have to share to be answered from the same trials, then their place."""
    q = one.question
    if q is None:
        return ("",) * 6 + (one.row,)
    moment = q.as_of.isoformat() if isinstance(q.as_of, datetime) else ""
    return (
        q.strategy_name,
        q.objective_type,
        moment,
        q.strategy_version or "",
        q.market.symbol or "",
        q.market.timeframe or "",
        one.row,
    )


def _answer(ask: Callable[[Question], Recommendation], one: Asked) -> Recommendation:
    if one.question is None:
        raise one.error or InvalidInputError("no question")
    return ask(one.question)


def _located(row: int, error: TradingKBError) -> TradingKBError:
    """The same kind of error, with the row of the question."""
    kind = next(kind for kind in _ERRORS if isinstance(error, kind))
    found = kind(f"row {row}: {error}")
    found.__cause__ = error
    return found


def _row(answer: Recommendation) -> dict[str, Any]:
    expected, basis = answer.expected, answer.calibration
    return {
        "strategy_name": answer.strategy_name,
        "objective_type": answer.objective_type,
        "symbol": answer.symbol,
        "timeframe": answer.timeframe,
        "status": answer.status,
        "params": canonical_params(answer.params) if answer.params is not None else None,
        "expected": expected.value if expected else None,
        "low": expected.low if expected else None,
        "high": expected.high if expected else None,
        "confidence": answer.confidence,
        "confidence_low": basis.low if basis else None,
        "confidence_high": basis.high if basis else None,
        "baseline_expected": answer.baseline_expected,
        "defaults_expected": answer.defaults_expected,
        "windows": answer.windows_used,
        "quarters": expected.n_quarters if expected else 0,
        "own_windows": expected.own_windows if expected else 0,
        "reasons": list(answer.reasons),
        "warnings": list(answer.warnings),
        "request_id": answer.request_id,
    }
