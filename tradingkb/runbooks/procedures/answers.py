"""Fixed questions, asked before and after a change of the index: did any answer change?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tradingkb.domain import regime_from_json
from tradingkb.exceptions import InvalidInputError, TradingKBError
from tradingkb.recommend import GivenMarket, GivenQuestion

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.knowledge_base import KnowledgeBase
    from tradingkb.runbooks.book import Run

#: Strategies that are asked about, those with most trials first.
MOST: Final = 12
#: Seconds for one answer: a vector server that hangs must not hold up the run.
_DEADLINE_S: Final = 30.0
_ASKED: Final = (
    "strategy_name",
    "symbol",
    "timeframe",
    "status",
    "params",
    "metadata_only",
    "reasons",
    "shown",
)


def questions(kb: KnowledgeBase, workspace: str, most: int = MOST) -> list[dict[str, Any]]:
    """One question for each strategy: the market of its newest trial, as it was measured then.

    Args:
        kb: knows the trials.
        workspace: slug or id.
        most: strategies at most, those with most trials first.

    Returns:
        strategy_name, symbol, timeframe and regime (None where none was measured).

    Raises:
        InvalidInputError: `most` is negative.
    """
    import polars as pl

    checked_most(most, "questions")
    tried = kb.strategies(workspace).filter(pl.col("n_trials") > 0)
    names = tried.sort(-pl.col("n_trials"), "strategy_name")["strategy_name"].head(most)
    found = []
    for name in names:
        (row,) = kb.trials(workspace, name, limit=1).to_dicts()
        text = row["regime_oos"] or row["regime_is"]
        regime = regime_from_json(text) if text else None
        asked = {key: row[key] for key in ("symbol", "timeframe")}
        found.append({"strategy_name": name, "regime": regime, **asked})
    return found


def checked_most(most: int, field: str) -> int:
    """How many at most.

    Raises:
        InvalidInputError: it is negative.
    """
    if most < 0:
        raise InvalidInputError(f"{most} is no number of {field}", field=field, remedy="0 or more")
    return most


def ask(run: Run, most: int = MOST) -> pl.DataFrame:
    """Asks the fixed questions; nothing of it is recorded.

    Args:
        run: of the runbook.
        most: questions at most.

    Returns:
        strategy_name, symbol, timeframe, status ("error" where there is no answer), params (JSON
        text), metadata_only, reasons (codes), shown (ids of the trials that head the answer).
    """
    import polars as pl

    rows = [_asked(run.kb, run.workspace, one) for one in questions(run.kb, run.workspace, most)]
    kinds: dict[str, Any] = {"metadata_only": pl.Boolean, "shown": pl.List(pl.String)}
    schema = {name: kinds.get(name, pl.String) for name in _ASKED}
    return pl.DataFrame(rows, schema=schema)


def _asked(kb: KnowledgeBase, workspace: str, question: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: question[key] for key in ("strategy_name", "symbol", "timeframe")}
    try:
        market = GivenMarket(
            regime=question["regime"], symbol=question["symbol"], timeframe=question["timeframe"]
        )
        given = GivenQuestion(question["strategy_name"], market=market, deadline_s=_DEADLINE_S)
        found = kb.use_cases.asking.unrecorded(workspace, given)
    except TradingKBError as error:
        why = {"status": "error", "reasons": str(error)}
        return {**named, **why, "params": None, "metadata_only": False, "shown": []}
    return {
        **named,
        "status": found.status,
        "params": json.dumps(found.params, sort_keys=True),
        "metadata_only": found.metadata_only,
        "reasons": ", ".join(found.reasons),
        "shown": found.trials["source_id"].to_list(),
    }


def compare(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Both rounds beside each other; pure.

    An answer is as before with the same parameters and the same status. One that lacked similarity
    before, and has it now, is as before with the same parameters: that is what was repaired.

    Args:
        before: of `ask`.
        after: of `ask`, of the same questions.

    Returns:
        strategy_name, symbol, before, after (status), same_params, same_shown, as_before.
    """
    import polars as pl

    names = ["strategy_name", "symbol", "timeframe"]
    both = before.join(after, on=names, how="left", suffix="_now", nulls_equal=True)
    same = pl.col("params").eq_missing(pl.col("params_now"))
    healed = pl.col("metadata_only") & ~pl.col("metadata_only_now")
    status = pl.col("status").eq_missing(pl.col("status_now")) | healed
    lost = ~pl.col("metadata_only") & pl.col("metadata_only_now")
    as_before = same & status & ~lost & (pl.col("status_now") != "error")
    return both.select(
        "strategy_name",
        "symbol",
        before="status",
        after="status_now",
        same_params=same,
        same_shown=pl.col("shown").eq_missing(pl.col("shown_now")),
        as_before=as_before.fill_null(value=False),
    )


def verify_as_before(run: Run, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Verifies that every answer is as it was before; the comparison."""
    import polars as pl

    table = compare(before, after)
    if table.is_empty():
        run.find("no fixed question was asked, so that nothing is known of the answers")
        return table
    other = table.filter(~pl.col("as_before"))["strategy_name"].to_list()
    what = "the fixed questions are answered as before: the same parameters and status"
    told = {"questions": table.height} | ({"otherwise": other} if other else {})
    run.verify(what, not other, **told)
    return table
