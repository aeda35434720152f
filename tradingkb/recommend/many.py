"""Many questions in one call: answers as rows, events in few transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

import polars as pl

from tradingkb.domain.trial import canonical_params
from tradingkb.exceptions import BackendUnavailableError, InvalidInputError, TradingKBError
from tradingkb.ports import Workspace
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.job import RecommendJob
from tradingkb.recommend.request import RecommendRequest

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
_ERRORS: Final = (InvalidInputError, BackendUnavailableError)


@dataclass(frozen=True)
class Asked:
    """One of many questions.

    Attributes:
        row: its place, from 1.
        said: what its row of the answers shows where there is no answer.
        request: the question; None when it could not be read.
        error: why it could not.
    """

    row: int
    said: dict[str, Any] = field(default_factory=dict)
    request: RecommendRequest | None = None
    error: TradingKBError | None = None


def answer_many(
    job: RecommendJob,
    workspace: Workspace,
    active: tuple[str, str],
    asked: Sequence[Asked],
    *,
    strict: bool,
    progress: Callable[[str, int, int], None],
) -> pl.DataFrame:
    """One row per question, in the order asked; each answer is recorded like a single one.

    Questions of one strategy are answered one after the other, so that its trials are looked up
    once; in which order makes no difference to the answers.

    Raises:
        InvalidInputError: with `strict`, the first question that has no answer; then nothing is
            recorded.
        BackendUnavailableError: likewise.
    """
    rows: dict[int, dict[str, Any]] = {}
    events: dict[int, dict[str, Any]] = {}
    errors: dict[int, TradingKBError] = {}
    ask = partial(job.answer, workspace, *active, calibration=cache(job.calibrations.newest))
    for done, one in enumerate(sorted(asked, key=_group), 1):
        try:
            answer = _answer(ask, one)
        except _ERRORS as error:
            errors[one.row] = error
            rows[one.row] = {**one.said, "status": "error", "error": f"row {one.row}: {error}"}
        else:
            rows[one.row] = {**one.said, **_row(answer)}
            assert one.request is not None
            events[one.row] = job.events.logged(answer, workspace, one.request)
        progress("recommend", done, len(asked))
    if strict and errors:
        raise _located(*min(errors.items(), key=lambda item: item[0]))
    job.events.save([events[row] for row in sorted(events)])
    return pl.DataFrame([rows[row] for row in sorted(rows)], schema=SCHEMA)


def _group(one: Asked) -> tuple[Any, ...]:
    """What questions have to share to be answered from the same trials, then their place."""
    r = one.request
    if r is None:
        return ("",) * 6 + (one.row,)
    moment = r.as_of.isoformat() if isinstance(r.as_of, datetime) else ""
    return (
        r.strategy_name,
        r.objective_type,
        moment,
        r.strategy_version or "",
        r.symbol or "",
        r.timeframe or "",
        one.row,
    )


def _answer(ask: Callable[[RecommendRequest], Recommendation], one: Asked) -> Recommendation:
    if one.request is None:
        raise one.error or InvalidInputError("no question")
    return ask(one.request)


def _located(row: int, error: TradingKBError) -> TradingKBError:
    """The same kind of error, with the row of the question."""
    kind = InvalidInputError if isinstance(error, InvalidInputError) else BackendUnavailableError
    found = kind(f"row {row}: {error}")
    found.__cause__ = error
    return found


def _row(answer: Recommendation) -> dict[str, Any]:
    expected, base = answer.expected or {}, answer.baseline or {}
    calibrated = answer.calibration or {}
    return {
        "strategy_name": answer.strategy_name,
        "objective_type": answer.objective_type,
        "symbol": answer.symbol,
        "timeframe": answer.timeframe,
        "status": answer.status,
        "params": canonical_params(answer.params) if answer.params is not None else None,
        "expected": expected.get("value"),
        "low": expected.get("low"),
        "high": expected.get("high"),
        "confidence": answer.confidence,
        "confidence_low": calibrated.get("low"),
        "confidence_high": calibrated.get("high"),
        "baseline_expected": _value(base.get("regime_agnostic")),
        "defaults_expected": _value(base.get("defaults")),
        "windows": answer.windows_used,
        "quarters": expected.get("n_quarters", 0),
        "own_windows": expected.get("own_windows", 0),
        "reasons": answer.reasons,
        "warnings": answer.warnings,
        "request_id": answer.request_id,
    }


def _value(option: dict[str, Any] | None) -> float | None:
    expected = (option or {}).get("expected")
    return expected["value"] if expected else None
