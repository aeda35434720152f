"""An evaluation as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from tradingkb.presentation import evaluation_sections as say
from tradingkb.presentation import evaluation_tables as tables
from tradingkb.presentation.evaluation_facts import (
    Evaluation,
    Row,
    caution,
    method_row,
    objective_name,
    over,
    summary_sentence,
    verdict,
)
from tradingkb.presentation.evaluation_figures import (
    forest_figure,
    group_figure,
)
from tradingkb.presentation.markup import definitions, el, esc, note, num, paragraphs
from tradingkb.presentation.page import html_page, no_figures, plot

Part = tuple[str, str, str]
_DRAWN_GROUPS: Final = ("strategy", "timeframe")


def evaluation_report(e: Evaluation) -> str:
    """One HTML page: what was replayed, every method beside the others, and how to read it.

    Args:
        e: `Evaluation.to_dict()`; parts that it lacks are left out.

    Returns:
        The text of a file. It asks no other host for anything: plotly.js is part of it. Without
        plotly there are no figures, and the page says so.
    """
    title = f"What advice was worth: {e['objective']}, workspace {e['workspace']}"
    parts = [part for part in _parts(e) if part[2]]
    links = " · ".join(el("a", esc(name), href=f"#{anchor}") for anchor, name, _ in parts)
    sections = (
        el("section", el("h2", esc(name)), html, id=anchor) + "\n" for anchor, name, html in parts
    )
    top = el("h1", esc(title)) + el("p", links, cls="note")
    return html_page(title, top + "".join(sections), figures=True)


def _parts(e: Evaluation) -> Iterator[Part]:
    """(anchor, title, HTML) of every section; HTML is "" where there is nothing to say."""
    yield "replayed", "What was replayed", _replayed(e)
    yield "methods", "Methods side by side", _methods(e)
    for group in _DRAWN_GROUPS:
        yield group, f"By {group}", _group(e, group)
    yield "status", "By status of the answer", _status(e)
    yield "regime", "Stated against measured regime", _regime(e)
    yield "controls", "Controls", _controls(e)
    yield "window", "Spread of single windows", _window(e)
    yield "confidence", "Confidence", _confidence(e)
    yield "read", "How to read this", definitions(say.HOW_TO_READ)
    yield "meaning", "What the methods are", _meanings(e)
    yield "weights", "Weights in force", tables.weights_table(e)


_GROUP_NOTE: Final = note("Mean regret over the decisions that every method made.")


def _replayed(e: Evaluation) -> str:
    return (
        el("p", esc(f"{summary_sentence(e)}."))
        + el("p", el("strong", num(verdict(e))))
        + note(caution(e))
        + note(no_figures())
        + definitions(say.replayed(e))
    )


def _methods(e: Evaluation) -> str:
    if not e["table"]:
        return el("p", "There is no decision that every method made, so nothing can be compared.")
    mine = method_row(e, "tradingkb")
    text = (
        f"n = {e['n_common']:,} decisions that every method made. Regret: 0 best, 1 worst. "
        f"Differences of regret are negative where a method is better; below them the 95 % "
        f"interval over {over(e)}, bold where it leaves out zero."
    )
    return note(text) + tables.main_table(e) + (_clusters(e, mine) if mine else "") + _forest(e)


def _clusters(e: Evaluation, mine: Row) -> str:
    found = tables.cluster_table(e, mine)
    text = f"Differences of mean regret, negative is better; n = {e['n_common']:,} decisions."
    head = el("h3", "The recommender, by what shares its luck")
    return head + note(text) + found if found else ""


def _forest(e: Evaluation) -> str:
    if method_row(e, "average") is None:
        return ""
    caption = "Difference of every method to the plain average (the oracle is far to the left)"
    return plot("figure-forest", caption, partial(forest_figure, e), "plot slim")


def _group(e: Evaluation, group: str) -> str:
    rows = e["groups"].get(group)
    if not rows:
        return ""
    caption, draw = f"Mean regret by {group}", partial(group_figure, e, group)
    drawn = plot(f"figure-{group}", caption, draw, "plot slim")
    return _GROUP_NOTE + drawn + tables.group_table(e, group)


def _status(e: Evaluation) -> str:
    covered = tables.coverage_table(e)
    if not covered:
        return ""
    html = note(f"All {e['n_decisions']:,} decisions; “none” chose nothing.") + covered
    for group, title in (("status", "Regret by status"), ("relaxed", "Regret by relaxation")):
        table = tables.group_table(e, group)
        html += el("h3", title) + _GROUP_NOTE + table if table else ""
    return html


def _regime(e: Evaluation) -> str:
    found = [m for m in tables.VARIANTS if method_row(e, m)]
    if len(found) < 2:
        return ""
    text = (
        f"n = {e['n_common']:,} decisions. The stated regime is what truly followed: it has "
        "hindsight, and is the most that knowing the regime could bring. What measuring it brings "
        "is what leaving it out would cost."
    )
    table = tables.against_table(e, tables.VARIANTS, "tradingkb")
    return note(text) + paragraphs(say.findings(e, say.REGIME)) + table


def _controls(e: Evaluation) -> str:
    pairs = (
        ("placebo", "tradingkb", "the regime is another window's, drawn at random"),
        ("random_windows", "knn", "neighbours are drawn at random instead of by regime"),
    )
    known = [pair for pair in pairs if method_row(e, pair[0]) and method_row(e, pair[1])]
    if not known:
        return el("p", "No control was replayed.")
    text = (
        f"n = {e['n_common']:,} decisions. A control should be worse than what it imitates. Where "
        "it is not, what it replaced by chance, the measured regime or the nearness of windows, "
        "adds nothing that shows."
    )
    html = note(text) + paragraphs(say.findings(e, say.CONTROLS))
    for control, original, what in known:
        named = {original: "the original", control: what}
        html += tables.against_table(e, named, original)
    return html


def _window(e: Evaluation) -> str:
    text = f"Outcomes of exactly the chosen parameters, per window, by {objective_name(e)}."
    return note(text) + say.window_interval(e)


def _confidence(e: Evaluation) -> str:
    calibration = e.get("calibration")
    if not calibration:
        return say.no_calibration(e)
    return say.calibration_facts(calibration)


def _meanings(e: Evaluation) -> str:
    hindsight = dict.fromkeys(e["impossible"], " (hindsight)")
    return definitions({f"{m}{hindsight.get(m, '')}": said for m, said in e["methods"].items()})
