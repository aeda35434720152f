"""The report's tables: all answers at a glance, and the best trials of one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer, Option
from tradingkb.presentation.markup import cell, el, esc, note, num, table

#: Rows of the table of the best trials.
BEST_TRIALS: Final = 15


def summary_table(answers: Sequence[tuple[str, Answer, str]]) -> str:
    """One row per (anchor of its section, answer, label that sets it apart)."""
    return table((_summary_row(*named) for named in answers), cls="stack")


def _summary_row(anchor: str, answer: Answer, label: str) -> dict[str, str]:
    status = facts.status(answer)
    parts = (answer["objective_type"], facts.market(answer), label)
    question = ", ".join(part for part in parts if part)
    name = el("a", esc(answer["strategy_name"]), href=f"#{anchor}")
    word = el("span", f"{status.sign} {status.word}", cls=f"state {esc(answer['status'])}")
    others = {option.label: option for option in facts.options(answer)}
    return {
        "strategy": el("div", name, el("div", esc(question), cls="note")),
        "status": el("span", word),
        "parameters": el("code", esc(fmt.params_text(answer["params"]))),
        "expected": _value(others.get("recommended"), answer),
        "baseline": _value(others.get(facts.PLAIN_AVERAGE), answer),
        "defaults": _value(others.get("defaults"), answer),
        "windows": cell(f"{answer['windows_used']:,}"),
    }


def _value(option: Option | None, answer: Answer) -> str:
    if option is None or option.expected is None:
        return el("span", fmt.NONE)
    unit = facts.unit(answer)
    value = el("strong", num(option.score(unit)), cls="num")
    return el("span", value, el("div", num(option.bounds(unit)), cls="num"))


def trials_table(answer: Answer) -> str:
    """The best nominations, at most `BEST_TRIALS` rows; "" when there are none."""
    trials = answer["trials"][:BEST_TRIALS]
    if not trials:
        return ""
    shown = f"The {len(trials)} best of {len(answer['trials'])} listed nominations"
    found = table(_trial_row(trial, answer) for trial in trials)
    remark = note(f"{shown}; a star marks the recommended parameters.")
    return el("h3", "Best trials") + remark + el("div", found, cls="wide")


def _trial_row(trial: Mapping[str, Any], answer: Answer) -> dict[str, str]:
    market = fmt.market(trial.get("symbol"), trial.get("timeframe"))
    return {
        "rank": cell(f"{trial['rank']}{' ★' if trial['chosen'] else ''}"),
        "source_id": el("code", esc(trial["source_id"])),
        "market": el("span", esc(market or fmt.NONE), cls="num"),
        "score": cell(fmt.number(trial["score"], 3)),
        answer["objective_type"]: cell(fmt.score(trial["objective"], facts.unit(answer))),
        "similarity": cell(fmt.number(trial["similarity"], 3)),
        "distance": cell(fmt.number(trial["regime_distance"])),
        "tags": esc(", ".join(trial["tags"] or ())) or fmt.NONE,
        "status": esc(trial["kb_status"]),
        "relaxed": "yes" if trial["relaxed"] else "no",
        "tie-break": esc(trial["tie_break"]),
    }
