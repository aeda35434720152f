"""The question of a recorded answer: how it is asked again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tradingkb.domain import Market, Overrides, Question, Regime, as_moment
from tradingkb.exceptions import InvalidInputError
from tradingkb.recommend.asking.event import own_digest


def question_of(
    event: Mapping[str, Any], *, own_trades: Mapping[str, float] | None = None
) -> Question:
    """The question of a stored event, to be asked again; pure.

    It is the question that was asked, but for what belongs to one request: it has no request_id, no
    deadline, and mode "full". For an answer of that time, ask it with
    `as_of=question.as_of or event["at"]`: the past is searched in SQL and not in the index, so that
    similarities of the listed trials may differ in their seventh digit.

    Args:
        event: a row of `kb.events()`, or of its JSON form: structures as JSON text or read.
        own_trades: trade counts by canonical parameters, where they were too many to be stored;
            they have to be the ones that were given then.

    Raises:
        InvalidInputError: the event was written before schema 0005 and says too little; or its own
            trades are not stored and not given, or others are given.
        InvalidRegimeError: its regime cannot be read.
    """
    words, regime = _structure(event.get("question")), _structure(event.get("regime"))
    if not words:
        raise InvalidInputError(
            "this event does not say what was asked: a release before schema 0005 wrote it",
            field="question",
            remedy="ask anew; events of this release on can be asked again",
        )
    return Question(
        strategy_name=event["strategy_name"],
        objective_type=event["objective_type"],
        market=Market(
            regime=Regime.from_dict(regime) if regime is not None else None,
            symbol=event["symbol"],
            timeframe=words["timeframe"],
            warnings=tuple(words["market_warnings"]),
            notes=tuple(words["market_notes"]),
        ),
        overrides=_overrides(words["overrides"]),
        min_deflated_sharpe=words["min_deflated_sharpe"],
        max_pbo=words["max_pbo"],
        strategy_version=words["strategy_version"],
        own_trades=_own_trades(words["own_trades"], own_trades),
        as_of=as_moment(event["as_of"]),
        caller=event["source"],
    )


def _structure(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _overrides(stated: Mapping[str, Any]) -> Overrides:
    values: dict[str, Any] = {
        name: math.inf if value is None else value for name, value in stated.items()
    }
    if "regime_tags" in values:
        values["regime_tags"] = tuple(values["regime_tags"])
    return Overrides(**values)


def _own_trades(
    words: Mapping[str, Any] | None, given: Mapping[str, float] | None
) -> Mapping[str, float] | None:
    if words is None and given is None:
        return None
    told = words or {"n": 0, "sha256": None, "trades": None}
    trades = told["trades"] if given is None else given
    if trades is None or own_digest(trades) != told["sha256"]:
        raise InvalidInputError(
            f"the question had own trials of {told['n']} parameter sets, "
            + ("which are not stored" if trades is None else "not these"),
            field="own_trades",
            remedy="give the trade counts that were given then",
        )
    return {params: float(n) for params, n in trades.items()}
