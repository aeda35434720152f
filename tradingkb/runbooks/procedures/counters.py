"""Runbook 06: the counters of status changes and tie-breaks, with what stands behind them here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from tradingkb.domain import transition_name
from tradingkb.exceptions import TradingKBError
from tradingkb.presentation import Table
from tradingkb.recommend import GivenMarket, GivenQuestion
from tradingkb.runbooks.book import Run
from tradingkb.runbooks.procedures.answers import questions

#: Of `kb_admin_status_change_total`.
TRANSITIONS: Final[Mapping[str, str]] = {
    "candidate_to_promoted": "somebody approved trials: they win ties against candidates",
    "candidate_to_rejected": "somebody rejected trials: they nominate nothing any more",
    "promoted_to_rejected": "somebody took an approval back",
    "rejected_to_promoted": "somebody restored rejected trials",
}
#: Of `kb_tiebreak_applied_total`, in the order in which the rules are asked.
RULES: Final[Mapping[str, str]] = {
    "score": "the score differs by more than epsilon: no tie",
    "status": "promoted goes before candidate",
    "schema": "what was measured by the current schema goes first",
    "promoted_at": "the later promotion goes first",
    "created_at": "the newer trial goes first",
    "source_id": "nothing else tells them apart: by name, so that it is always the same one",
}
#: Strategies whose answer is looked at, those with most trials first.
_ASKED: Final = 3


def status_changes(run: Run) -> Table:
    """Status changes of the workspace so far, by transition."""
    history = run.kb.history(workspace=run.workspace, limit=None)
    pairs = history.select("from_status", "to_status").iter_rows()
    counted = Counter(transition_name(before, after) for before, after in pairs)
    rows = [
        {"transition": name, "trials": counted[name], "meaning": meaning}
        for name, meaning in TRANSITIONS.items()
    ]
    title = f"Status changes, as kb_admin_status_change_total counts them (n = {history.height:,})"
    return Table(rows, title)


def tie_breaks(run: Run) -> Table:
    """By which rule the places of one answer per strategy are decided; nothing is recorded."""
    counted: Counter[str] = Counter()
    answered = 0
    for one in questions(run.kb, run.workspace, _ASKED):
        market = GivenMarket(regime=one["regime"], symbol=one["symbol"], timeframe=one["timeframe"])
        given = GivenQuestion(one["strategy_name"], market=market)
        try:
            answer = run.kb.use_cases.asking.unrecorded(run.workspace, given)
        except TradingKBError:
            continue  # the checks of 08 say why
        counted.update(answer.tie_break_counts)
        answered += 1
    rows = [{"rule": name, "places": counted[name], "meaning": RULES[name]} for name in RULES]
    title = f"Tie-breaks, as kb_tiebreak_applied_total counts them (n = {answered:,} answers)"
    return Table(rows, title)
