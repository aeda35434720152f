"""An evaluation as text, as Markdown and as the card of a notebook."""

from __future__ import annotations

from typing import Final

from tradingkb.presentation.card_parts import standalone
from tradingkb.presentation.evaluation_facts import (
    Evaluation,
    Row,
    all_exact,
    caution,
    difference,
    earned,
    exact_count,
    exact_difference,
    marked,
    number,
    over,
    share,
    summary_sentence,
    verdict,
)
from tradingkb.presentation.markup import el, esc, num

_LEGEND: Final = (
    "Regret: 0 is the best set tried on a window, 1 the worst. Negative differences are better. "
    "Hindsight: sees what nobody could know by then."
)


def columns(e: Evaluation) -> tuple[str, ...]:
    """The heads of the narrow table; they say what the intervals are over."""
    by = f"(95 % over {over(e)})"
    return (
        "method",
        "regret",
        f"vs average {by}",
        f"vs defaults {by}",
        "beats defaults",
        f"mean {e['objective']}",
        *([] if all_exact(e) else ["exact results", "vs average, both exact"]),
    )


def table_rows(e: Evaluation) -> list[list[str]]:
    """One row of texts per method: the `columns` of the narrow table."""
    return [_row(row, e) for row in e["table"]]


def _row(row: Row, e: Evaluation) -> list[str]:
    return [
        marked(e, row["method"]),
        number(row["regret"], 4),
        difference(row, "average"),
        difference(row, "defaults"),
        share(row["beats_defaults"]),
        earned(e, row),
        *([] if all_exact(e) else [exact_count(row), exact_difference(row)]),
    ]


def _notes(e: Evaluation) -> list[str]:
    return [text for text in (verdict(e), caution(e), _LEGEND) if text]


def evaluation_text(e: Evaluation) -> str:
    """The table for a terminal."""
    rows = [list(columns(e)), *table_rows(e)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [summary_sentence(e), ""]
    lines += ["  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return "\n".join([*lines, "", *_notes(e)])


def evaluation_markdown(e: Evaluation) -> str:
    """The table for a page."""
    heads = (*columns(e), "what it is")
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row, texts in zip(e["table"], table_rows(e), strict=True):
        lines.append(f"| {' | '.join(texts)} | {e['methods'][row['method']]} |")
    return "\n".join(lines)


def evaluation_card(e: Evaluation) -> str:
    """HTML for a notebook: self-contained, no script, light and dark.

    Equal evaluations give equal cards: when they were made is left out.
    """
    card = el(
        "div",
        el("div", el("span", f"Evaluation: {esc(e['objective'])}", cls="tkb-name"), cls="tkb-head"),
        el("div", esc(summary_sentence(e)), cls="tkb-context tkb-faint"),
        el("div", _table(e), cls="tkb-section", style="overflow-x:auto"),
        el("div", *(el("div", num(text)) for text in _notes(e)), cls="tkb-foot tkb-small"),
        cls="tkb-card",
        style="max-width:980px;--tkb-status:var(--tkb-line)",
    )
    return standalone(card)


def _table(e: Evaluation) -> str:
    head = el("tr", *(el("th", esc(name), scope="col") for name in columns(e)))
    rows = zip(e["table"], table_rows(e), strict=True)
    body = "".join(_table_row(e["methods"][row["method"]], texts) for row, texts in rows)
    return el("table", el("thead", head), el("tbody", body), cls="tkb-table")


def _table_row(meaning: str, texts: list[str]) -> str:
    first, *others = texts
    name = el("td", el("span", esc(first), cls="tkb-first tkb-nobreak", title=meaning))
    return el("tr", name, *(el("td", el("span", num(t), cls="tkb-num")) for t in others))
