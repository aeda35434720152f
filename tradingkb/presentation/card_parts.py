"""What the cards of answers and of explanations are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer, Option
from tradingkb.presentation.forest import Scale, forest_axis, forest_row, make_scale
from tradingkb.presentation.markup import el, esc, num, prose
from tradingkb.presentation.style import CARD_CSS


def standalone(card: str) -> str:
    """A card with its stylesheet, for a page that has none."""
    return el("div", el("style", CARD_CSS), card)


def head(answer: Answer, verdict: str, badge: str = "") -> str:
    """The strategy, what there is to say of it in few words, and what was asked."""
    name = el("span", esc(answer["strategy_name"]), cls="tkb-name")
    said = f"{badge}{name} {el('span', esc(verdict), cls='tkb-faint')}"
    context = " · ".join(el("span", esc(part)) for part in facts.context(answer))
    return el("div", said, cls="tkb-head") + el("div", context, cls="tkb-context tkb-faint")


def section(caption: str, content: str) -> str:
    """A part under its small heading; "" without content."""
    return el("div", _caption(caption), content, cls="tkb-section") if content else ""


def bullets(items: Iterable[str]) -> str:
    """A list of entries that are HTML already; "" without any."""
    entries = "".join(el("li", item) for item in items)
    return el("ul", entries, cls="tkb-list") if entries else ""


def _caption(text: str) -> str:
    return el("div", esc(text), cls="tkb-label")


def parameters(caption: str, params: Mapping[str, Any], remarks: Iterable[str]) -> str:
    """Parameters as they would be typed, and remarks below them, which are HTML already."""
    shown = ", ".join(el("span", esc(text), cls="tkb-nobreak") for text in fmt.typed(params))
    code = el("span", shown or "no parameters", cls="tkb-code")
    small = (el("div", remark, cls="tkb-small") for remark in remarks)
    return el("div", _caption(caption), code, *small, cls="tkb-params")


def key_facts(entries: Mapping[str, tuple[str, str]]) -> str:
    """Numbers side by side, each under what it is and over a remark."""
    return el("div", *(_fact(name, *said) for name, said in entries.items()), cls="tkb-facts")


def _fact(name: str, value: str, remark: str) -> str:
    shown = el("div", num(value), cls="tkb-value")
    return el("div", _caption(name), shown, el("div", num(remark), cls="tkb-small"))


def comparison(rows: Sequence[Option], unit: str, heading: str, strong: str) -> str:
    """Parameter sets with what they are expected to earn; the row labelled `strong` stands out."""
    scale = make_scale(rows)
    heads = el(
        "tr",
        el("th", heading, scope="col"),
        el("th", "Expected per window", scope="col"),
        el("th", forest_axis(scale, unit) if scale else "", cls="tkb-plot", scope="col"),
        el("th", "Windows", scope="col"),
    )
    body = (_option(row, scale, unit, strong=row.label == strong) for row in rows)
    grid = el("table", el("thead", heads), el("tbody", *body), cls="tkb-table tkb-compare")
    return el("div", grid, cls="tkb-section")


def _option(row: Option, scale: Scale | None, unit: str, *, strong: bool) -> str:
    label = el("div", esc(row.label), cls="tkb-first" if strong else "")
    value = el("div", num(row.score(unit)), cls="tkb-num tkb-first")
    bounds = el("div", num(row.bounds(unit)), cls="tkb-num tkb-small tkb-faint")
    windows = (row.expected or {}).get("n_windows")
    return el(
        "tr",
        el("td", label, "" if strong else el("div", el("code", esc(row.typed())))),
        el("td", value, bounds) if row.expected else el("td", "never tried"),
        el("td", forest_row(row, scale, strong=strong) if scale else "", cls="tkb-plot"),
        el("td", fmt.NONE if windows is None else f"{windows:,}", cls="tkb-num"),
    )


def regime_section(answer: Answer) -> str:
    """The query's regime, its tags and where it comes from."""
    regime = answer["regime"]
    if regime is None:
        return section("Regime", el("div", facts.NO_REGIME))
    stated = regime["source"] == "stated"
    source = el("span", esc(facts.regime_source(regime)), cls="tkb-claim" if stated else "")
    tags = [el("span", esc(tag), cls="tkb-tag") for tag in regime["tags"]] or ["no tag fired"]
    said = el("div", " ".join([*tags, source]), cls="tkb-tags" + (" tkb-stated" if stated else ""))
    weak = (el("div", f"▲ {esc(text)}", cls="tkb-small") for text in regime["warnings"])
    return section("Regime", said + "".join(weak))


def code_lists(answer: Answer) -> str:
    """Reasons, warnings, details and what to do."""
    lists = {
        "Why this status": (_code(*pair) for pair in facts.coded(answer, "reasons")),
        "Warnings": (_code(*pair) for pair in facts.coded(answer, "warnings")),
        "Details": map(prose, answer.get("notes", [])),
        "What to do": map(prose, answer["suggested_actions"]),
    }
    return "".join(section(caption, bullets(items)) for caption, items in lists.items())


def _code(code: str, meaning: str) -> str:
    return el("code", esc(code)) + (f": {prose(meaning)}" if meaning and meaning != code else "")
