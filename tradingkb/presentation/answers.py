"""Several answers as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tradingkb.presentation import facts
from tradingkb.presentation.card import card_body
from tradingkb.presentation.facts import Answer
from tradingkb.presentation.figure import evidence_figure
from tradingkb.presentation.markup import definitions, el, esc, note
from tradingkb.presentation.page import html_page, no_figures, plot
from tradingkb.presentation.report_tables import summary_table, trials_table

_HOW_TO_READ: Final = {
    "Status": "OK: usable. DEGRADED: usable, with the caveat that the reasons name. NONE: no "
    "parameters are defensible, and the card says what stood in the way.",
    "Expected": "the objective that these parameters are expected to earn in one window, shrunk "
    "towards the average of everything tried. The 90 % interval is that of the mean, from the "
    "spread between calendar quarters.",
    "A single window": "where 80 % of the single windows fell: the luck that the next one will "
    "bring. It is much wider than the interval.",
    "Baseline": "what the same evidence chooses without looking at the regime, and the strategy's "
    "declared defaults. Intervals that overlap do not tell the choices apart.",
    "Windows": "distinct pairs of market and dates that tried these parameters, good and bad. "
    "Hundreds of trials of one window count once.",
    "Regime": "measured from bars, or STATED: what a user expects, which no data backs.",
    "Confidence": "how often all past choices of the workspace and objective beat the defaults, "
    "and nothing learnt of this one; unknown until enough outcomes exist to calibrate it. High: "
    "its interval lies above 60 %; medium: above 50 %, which is what luck does; else low.",
    "Best trials": "the trials that nominated parameters. Score ranks them; distance is that of "
    "their regime from the query's in robust standard deviations, 0 is equal; relaxed ones passed "
    "the wider filters only; tie-break names the rule that decided their place.",
}


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: plain text; it is escaped.
        html: the content, trusted HTML.
        answer: where given, its figure and its best trials follow the content, and it has a row
            in the table at the top.
        label: sets the answer apart in that table, plain text.
    """

    title: str
    html: str
    answer: Mapping[str, Any] | None = None
    label: str = ""


def answer_section(answer: Answer, label: str = "") -> Section:
    """A section with an answer's card; `html_report` adds its figure and trials.

    Args:
        answer: the JSON form of an answer.
        label: what sets this question apart from others of its strategy, plain text.
    """
    parts = (answer["strategy_name"], answer["objective_type"], facts.market(answer), label)
    title = " · ".join(part for part in parts if part)
    return Section(title, card_body(answer), answer, label)


def html_report(title: str, sections: Sequence[Section]) -> str:
    """One HTML page: a summary, the sections in their order, and how to read them.

    Args:
        title: plain text; it is escaped.
        sections: answers (`answer_section`) and other parts.

    Returns:
        The text of a file. It asks no other host for anything: plotly.js is part of it, once.
        Without plotly there are no figures, and the page says so.
    """
    named = [(f"part-{place}", section) for place, section in enumerate(sections, start=1)]
    answers = [(anchor, s.answer, s.label) for anchor, s in named if s.answer is not None]
    parts = [
        el("h1", esc(title)),
        _summary(answers) if answers else "",
        *(_part(anchor, section) for anchor, section in named),
        el("section", el("h2", "How to read this"), definitions(_HOW_TO_READ)) if answers else "",
    ]
    return html_page(title, "".join(parts), figures=bool(answers))


def _summary(answers: Sequence[tuple[str, Answer, str]]) -> str:
    text = "Expected values are per window, with the 90 % interval of the mean below them."
    said = note(f"{text} {no_figures()}".strip())
    found = el("div", summary_table(answers), cls="wide")
    return el("section", el("h2", "All answers"), said, found)


def _part(anchor: str, section: Section) -> str:
    content, answer = section.html, section.answer
    if answer is not None:
        if answer["evidence"]:
            content += plot(f"{anchor}-figure", "Evidence", partial(evidence_figure, answer))
        content += trials_table(answer)
    return el("section", el("h2", esc(section.title)), content, id=anchor) + "\n"
