"""Requests that were not answered well, asked again: as of then, now, and with a relaxed filter."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tradingkb.domain import Overrides, Regime
from tradingkb.exceptions import InvalidRegimeError, TradingKBError
from tradingkb.recommend import GivenMarket, GivenQuestion, question_of
from tradingkb.runbooks.book import command_line
from tradingkb.runbooks.procedures.answers import checked_most

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.domain import Question
    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.recommend import Recommendation
    from tradingkb.runbooks.book import Run
    from tradingkb.runbooks.procedures.answer_rates import Answers

#: Requests that are asked again, one of each kind.
MOST: Final = 5
#: Seconds for one answer.
_DEADLINE_S: Final = 30.0
#: JSON has no infinity, and null leaves a filter to the strategy: a gap that nothing exceeds.
_OFF: Final = 1e9
_TEXT: Final = (
    "strategy_name",
    "asked_at",
    "request_id",
    "reasons",
    "then",
    "as_of_then",
    "now",
    "turned_away",
    "relax",
    "risk",
    "with_it",
    "request",
    "command",
    "market",
    "command_answers",
)


def distinct(answers: Answers, most: int = MOST) -> list[dict[str, Any]]:
    """The newest event of each kind: by strategy, objective, reasons and filters."""
    keys = ["strategy_name", "objective_type", "reasons", "filters"]
    rows = answers.events.unique(keys, keep="first", maintain_order=True)
    return rows.head(most).to_dicts()


def ask_again(run: Run, answers: Answers, most: int = MOST) -> pl.DataFrame:
    """Asks one request of each kind again; nothing of it is recorded.

    Args:
        run: of the runbook.
        answers: that were not well.
        most: requests at most.

    Raises:
        InvalidInputError: `most` is negative.

    Returns:
        strategy_name, asked_at (UTC), request_id, reasons, then (status), as_of_then and now (the
        status of the same question today: with what was knowable then, and with what is stored
        now), turned_away (trials that fail each filter, and that alone), after_strict and
        after_relaxed (trials that pass, now), relax (the smallest change of one filter that is
        enough; "" where none is), risk, with_it (the status with that change), request (JSON to
        send instead), command (the same as a command), market (how the command has the market:
        "none" was given, "same", "as stated": its regime instead of bars, or "without"),
        command_answers (the status of what the command asks).
    """
    import polars as pl

    checked_most(most, "requests")
    rows = [_row(run.kb, run.workspace, event) for event in distinct(answers, most)]
    numbers = dict.fromkeys(("after_strict", "after_relaxed"), pl.Int64)
    schema = {**dict.fromkeys(_TEXT, pl.String), **numbers}
    return pl.DataFrame(rows, schema=schema)


def states(table: pl.DataFrame) -> pl.DataFrame:
    """Of `ask_again`: each request with its status as of then and now."""
    return table.select(
        "strategy_name",
        "asked_at",
        "request_id",
        "reasons",
        "as_of_then",
        "now",
        "turned_away",
        "after_strict",
        "after_relaxed",
    )


def changes(table: pl.DataFrame) -> pl.DataFrame:
    """Of `ask_again`: the requests that a change of one filter helps, with that change."""
    import polars as pl

    helped = table.filter(pl.col("relax").fill_null("") != "")
    return helped.select(
        "strategy_name", "relax", "with_it", "risk", "request", "command", "command_answers"
    )


def _row(kb: KnowledgeBase, workspace: str, event: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "strategy_name": event["strategy_name"],
        "asked_at": f"{event['at']:%Y-%m-%d %H:%M:%S}",
        "request_id": event["request_id"],
        "reasons": ", ".join(json.loads(event["reasons"] or "[]")),
        "then": event["status"],
    }
    try:
        again = kb.answer_again(event["request_id"], workspace, event["at"]).now
        question = question_of(event)
        now = ask(kb, workspace, question)
    except TradingKBError as error:
        return {**told, "as_of_then": "error", "now": "error", "turned_away": str(error)}
    return {
        **told,
        "as_of_then": again.status,
        "now": now.status,
        "turned_away": turned_away(now),
        "after_strict": now.after_strict,
        "after_relaxed": now.after_relaxed,
        **_relaxed(kb, workspace, question, now),
    }


def ask(kb: KnowledgeBase, workspace: str, question: Question, **filters: Any) -> Recommendation:
    """Asks a recorded question, with the funnel; `filters` stand before its own.

    Nothing of it is recorded. Its own trials are left out: their trade counts only take sets away
    that never traded.
    """
    market = question.market
    given = GivenQuestion(
        question.strategy_name,
        question.objective_type,
        GivenMarket(regime=market.regime, symbol=market.symbol, timeframe=market.timeframe),
        as_of=question.as_of,
        overrides=Overrides(**{**question.overrides.given, **filters}),
        min_deflated_sharpe=question.min_deflated_sharpe,
        max_pbo=question.max_pbo,
        strategy_version=question.strategy_version,
        mode="debug",
        deadline_s=_DEADLINE_S,
    )
    return kb.use_cases.asking.unrecorded(workspace, given)


def turned_away(answer: Recommendation) -> str:
    """Trials that each filter turns away, and it alone, those that cost most first."""
    failing = sorted(
        (one for one in answer.filter_rejections if one.fails),
        key=lambda one: (-one.fails_only, -one.fails, one.filter),
    )
    return "; ".join(
        f"{one.filter} {one.value}: {one.fails:,} ({one.fails_only:,} alone)" for one in failing
    )


def _relaxed(
    kb: KnowledgeBase, workspace: str, question: Question, now: Recommendation
) -> dict[str, str]:
    """The smallest change that is enough, tried; empty texts where no change is needed or known."""
    changes = [c for c in now.recommended_relaxed_settings if c.sufficient]
    if now.status == "ok" or not changes:
        return dict.fromkeys(_TEXT[_TEXT.index("relax") :], "")
    first = changes[0]
    filters = {first.filter: first.suggested}
    tried = ask(kb, workspace, question, **filters)
    regime, market = statable(question.market.regime)
    told = replace(question, market=replace(question.market, regime=regime), strategy_version=None)
    return {
        "relax": f"{first.filter}: {first.current} to {first.suggested} "
        f"({first.candidates:,} trials of {first.windows:,} windows)",
        "risk": first.risk,
        "with_it": tried.status,
        "request": json.dumps(request(workspace, question, filters)),
        "command": command(workspace, told, filters),
        "market": market,
        "command_answers": ask(kb, workspace, told, **filters).status,
    }


def statable(regime: Regime | None) -> tuple[Regime | None, str]:
    """The regime that a command can state in place of this one, and how it has the market.

    Returns:
        None and "none" where no market was given; the same regime and "same"; that of measured
        bars, stated, and "as stated"; None and "without" where it cannot be stated.
    """
    if regime is None:
        return None, "none"
    try:
        stated = Regime.stated(features=regime.features)
    except InvalidRegimeError:
        return None, "without"
    if regime.source == "measured":
        return stated, "as stated"
    same = (stated.features, stated.tags) == (regime.features, regime.tags)
    return (stated, "same") if same else (None, "without")


def request(workspace: str, question: Question, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /kb/trials/recommend` with these filters, but for its market."""
    stated = {**question.overrides.given, **filters}
    named = {
        "workspace_id": workspace,
        "strategy_name": question.strategy_name,
        "objective_type": question.objective_type,
        "symbol": question.market.symbol,
        "timeframe": question.market.timeframe,
    }
    return {
        **{name: value for name, value in named.items() if value is not None},
        **{name: _json(value) for name, value in stated.items()},
    }


def _json(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return _OFF
    return list(value) if isinstance(value, tuple) else value


def command(workspace: str, question: Question, filters: Mapping[str, Any]) -> str:
    """`tradingkb recommend` with these filters; bars are for the caller to give."""
    stated = Overrides(**{**question.overrides.given, **filters}).given
    words = ["tradingkb", "recommend", question.strategy_name]
    words += ["--objective", question.objective_type, "--workspace", workspace]
    for name in ("symbol", "timeframe"):
        value = getattr(question.market, name)
        words += [f"--{name}", value] if value else []
    if question.market.regime is not None:
        given = question.market.regime.features.items()
        words.append("--regime=" + ",".join(f"{name}={float(value)!r}" for name, value in given))
    words += [f"--as-of={question.as_of.isoformat()}"] if question.as_of else []
    for name in ("min_deflated_sharpe", "max_pbo"):
        limit = getattr(question, name)
        words += [] if limit is None else [f"--{name.replace('_', '-')}={limit!r}"]
    return command_line([*words, *_options(stated)])


def _options(stated: Mapping[str, Any]) -> Iterator[str]:
    for name, value in stated.items():
        if name == "require_oos":
            yield "--require-oos" if value else "--no-require-oos"
        elif name == "regime_tags":
            yield from (f"--regime-tag={tag}" for tag in value)
        else:
            yield f"--{name.replace('_', '-')}={value:g}"
