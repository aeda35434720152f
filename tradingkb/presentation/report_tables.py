"""The report's tables: all answers at a glance, and the best trials of one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer, Option
from tradingkb.presentation.markup import el, esc, num, table

#: Rows of the table of the best trials.
BEST_TRIALS: Final = 15

_SUMMARY_HEAD: Final = (
    "strategy",
    "status",
    "parameters",
    "expected",
    "baseline",
    "defaults",
    "windows",
)


def summary_table(answers: Sequence[tuple[str, Answer, str]]) -> str:
    """One row per (anchor of its section, answer, label that sets it apart)."""
    rows = [_summary_row(*named) for named in answers]
    return table(_SUMMARY_HEAD, rows, cls="stack")


def _summary_row(anchor: str, answer: Answer, label: str) -> list[str]:
    status = facts.status(answer)
    parts = (answer["objective_type"], facts.market(answer), label)
    question = ", ".join(part for part in parts if part)
    question = el("div", esc(question), cls="note")
    others = {option.label: option for option in facts.options(answer)}
    word = el("span", f"{status.sign} {status.word}", cls=f"state {esc(answer['status'])}")
    return [
        el("div", el("a", esc(answer["strategy_name"]), href=f"#{anchor}"), question),
        el("span", word),
        el("code", esc(fmt.params_text(answer["params"]))),
        _value(others.get("recommended"), answer),
        _value(others.get("regime-agnostic average"), answer),
        _value(others.get("defaults"), answer),
        el("span", f"{answer['windows_used']:,}", cls="num"),
    ]


def _value(option: Option | None, answer: Answer) -> str:
    if option is None or option.expected is None:
        return el("span", fmt.NONE)
    unit = facts.unit(answer)
    bounds = fmt.interval(option.value("low"), option.value("high"), unit)
    value = el("strong", num(fmt.score(option.value("value"), unit)), cls="num")
    return el("span", value, el("div", num(bounds), cls="num"))


def trials_table(answer: Answer) -> str:
    """The best nominations, at most `BEST_TRIALS` rows; "" when there are none."""
    rows = [_trial_row(trial, answer) for trial in answer["trials"][:BEST_TRIALS]]
    if not rows:
        return ""
    shown = f"The {len(rows)} best of {len(answer['trials'])} listed nominations"
    note = f"{shown}; a star marks the recommended parameters."
    return (
        el("h3", "Best trials")
        + el("p", note, cls="note")
        + el("div", table(_trials_head(answer), rows), cls="wide")
    )


def _trials_head(answer: Answer) -> tuple[str, ...]:
    return (
        "rank",
        "source_id",
        "market",
        "score",
        answer["objective_type"],
        "similarity",
        "distance",
        "tags",
        "status",
        "relaxed",
        "tie-break",
    )


def _trial_row(trial: Mapping[str, Any], answer: Answer) -> list[str]:
    star = " ★" if trial["chosen"] else ""
    market = fmt.market(trial.get("symbol"), trial.get("timeframe"))
    return [
        el("span", f"{trial['rank']}{star}", cls="num"),
        el("code", esc(trial["source_id"])),
        el("span", esc(market or fmt.NONE), cls="num"),
        _num(fmt.number(trial["score"], 3)),
        _num(fmt.score(trial["objective"], facts.unit(answer))),
        _num(fmt.number(trial["similarity"], 3)),
        _num(fmt.number(trial["regime_distance"])),
        esc(", ".join(trial["tags"] or ())) or fmt.NONE,
        esc(trial["kb_status"]),
        "yes" if trial["relaxed"] else "no",
        esc(trial["tie_break"]),
    ]


def _num(text: str) -> str:
    return el("span", num(text), cls="num")
