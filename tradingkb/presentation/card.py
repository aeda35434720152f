"""The card that an answer shows in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.card_obstacles import obstacles
from tradingkb.presentation.facts import Answer, Option
from tradingkb.presentation.forest import Scale, forest_axis, forest_row, make_scale
from tradingkb.presentation.markup import el, esc, num, prose
from tradingkb.presentation.style import CARD_CSS


def answer_card(answer: Answer) -> str:
    """HTML of `Recommendation.to_dict()`: self-contained, no script, light and dark.

    Args:
        answer: the dict form of an answer.

    Returns:
        One element with its own stylesheet. Equal answers give equal cards: what differs between
        two runs (request id, clock, timings) is left out.
    """
    return el("div", el("style", CARD_CSS), card_body(answer))


def card_body(answer: Answer) -> str:
    """The card without its stylesheet, for a page that brings `CARD_CSS` once."""
    if answer["status"] == "none":
        parts = [code_lists(answer), obstacles(answer), _comparison(answer), regime_section(answer)]
    else:
        parts = [_params(answer), _facts(answer), _comparison(answer), regime_section(answer)]
        parts += [code_lists(answer), obstacles(answer)]
    return el("div", _head(answer), *parts, _foot(answer), cls=f"tkb-card tkb-{answer['status']}")


def _head(answer: Answer) -> str:
    status = facts.status(answer)
    head = el(
        "div",
        el("span", f"{status.sign} {status.word}", cls="tkb-badge"),
        " ",
        el("span", esc(answer["strategy_name"]), cls="tkb-name"),
        " ",
        el("span", esc(status.meaning), cls="tkb-faint"),
        cls="tkb-head",
    )
    context = " · ".join(el("span", esc(part)) for part in facts.context(answer))
    return head + el("div", context, cls="tkb-context tkb-faint")


def caption(text: str) -> str:
    """The small heading of a part."""
    return el("div", text, cls="tkb-label")


def _params(answer: Answer) -> str:
    if answer["params"] is None:
        return ""
    texts = fmt.typed(answer["params"])
    shown = ", ".join(el("span", esc(text), cls="tkb-nobreak") for text in texts)
    tried = "" if answer["params_tested"] else " (never tried exactly so)"
    return el(
        "div",
        caption(f"Parameters{tried}"),
        el("span", shown or "no parameters", cls="tkb-code"),
        *(_repair(name, what) for name, what in answer["repaired_params"].items()),
        cls="tkb-params",
    )


def _repair(name: str, what: str) -> str:
    return el("div", "repaired ", el("code", esc(name)), f": {esc(what)}", cls="tkb-small")


def _facts(answer: Answer) -> str:
    expected = answer["expected"]
    if not expected:
        return ""
    unit = facts.unit(answer)
    mean = fmt.interval(expected["low"], expected["high"], unit)
    windows = fmt.interval(expected["window_low"], expected["window_high"], unit)
    name = f"Expected {esc(answer['objective_type'])}"
    n_windows, rest = facts.support(answer)
    level, meaning = facts.confidence(answer)[0], facts.confidence_note(answer)
    return el(
        "div",
        fact(name, fmt.score(expected["value"], unit), f"{facts.interval_name(expected)} {mean}"),
        fact("A single window", windows, "80 % of single windows fell here"),
        fact("Evidence", n_windows, rest),
        fact("Confidence", level, meaning),
        cls="tkb-facts",
    )


def fact(label: str, value: str, note: str) -> str:
    """One number with what it is and a remark."""
    shown = el("div", num(value), cls="tkb-value")
    return el("div", caption(label), shown, el("div", num(note), cls="tkb-small tkb-note"))


def _comparison(answer: Answer) -> str:
    rows = facts.options(answer)
    if not rows or (len(rows) == 1 and answer["params"] is not None):
        return ""
    return comparison(rows, facts.unit(answer), "Beside the baseline")


def comparison(rows: Sequence[Option], unit: str, heading: str, strong: str = "recommended") -> str:
    """Parameter sets with what they are expected to earn; the row labelled `strong` stands out."""
    scale = make_scale(rows)
    heads = [
        el("th", heading, scope="col"),
        el("th", "Expected per window", scope="col"),
        el("th", forest_axis(scale, unit) if scale else "", cls="tkb-plot", scope="col"),
        el("th", "Windows", scope="col"),
    ]
    body = (_option(row, scale, unit, strong=row.label == strong) for row in rows)
    grid = el(
        "table", el("thead", el("tr", *heads)), el("tbody", *body), cls="tkb-table tkb-compare"
    )
    return el("div", grid, cls="tkb-section")


def _option(row: Option, scale: Scale | None, unit: str, *, strong: bool) -> str:
    label = el("div", esc(row.label), cls="tkb-first" if strong else "")
    params = "the same parameters" if row.same else fmt.params_text(row.params)
    shown = "" if strong else el("div", el("code", esc(params)))
    value = el("div", num(fmt.score(row.value("value"), unit)), cls="tkb-num tkb-first")
    bounds = num(fmt.interval(row.value("low"), row.value("high"), unit))
    plot = forest_row(row, scale, strong=strong) if scale else ""
    windows = (row.expected or {}).get("n_windows")
    return el(
        "tr",
        el("td", label, shown),
        el("td", value, el("div", bounds, cls="tkb-num tkb-small tkb-faint"))
        if row.expected
        else el("td", "never tried"),
        el("td", plot, cls="tkb-plot"),
        el("td", fmt.NONE if windows is None else f"{windows:,}", cls="tkb-num"),
    )


def regime_section(answer: Answer) -> str:
    """The query's regime, its tags and where it comes from."""
    regime = answer["regime"]
    if regime is None:
        text = "none given: the answer is the same for every market"
        return el("div", caption("Regime"), el("div", text), cls="tkb-section")
    stated = regime["source"] == "stated"
    source = el("span", esc(facts.regime_source(regime)), cls="tkb-claim" if stated else "")
    tags = [el("span", esc(tag), cls="tkb-tag") for tag in regime["tags"]] or ["no tag fired"]
    weak = "".join(el("div", f"▲ {esc(text)}", cls="tkb-small") for text in regime["warnings"])
    return el(
        "div",
        caption("Regime"),
        el("div", " ".join([*tags, source]), cls="tkb-tags" + (" tkb-stated" if stated else "")),
        weak,
        cls="tkb-section",
    )


def code_lists(answer: Answer) -> str:
    """Reasons, warnings, details and what to do."""
    blocks = [
        _list("Why this status", [_code(*pair) for pair in facts.coded(answer, "reasons")]),
        _list("Warnings", [_code(*pair) for pair in facts.coded(answer, "warnings")]),
        _list("Details", [prose(note) for note in answer.get("notes", [])]),
        _list("What to do", [prose(action) for action in answer["suggested_actions"]]),
    ]
    return "".join(blocks)


def _code(code: str, meaning: str) -> str:
    return el("code", esc(code)) + (f": {prose(meaning)}" if meaning and meaning != code else "")


def _list(label: str, items: list[str]) -> str:
    if not items:
        return ""
    entries = el("ul", *(el("li", item) for item in items), cls="tkb-list")
    return el("div", caption(label), entries, cls="tkb-section")


def _foot(answer: Answer) -> str:
    agreed = "; ".join(facts.agreement(answer))
    n = facts.agreement_size(answer)
    lines = [
        *(
            text[0].upper() + text[1:] + "."
            for text in (*facts.confidence_basis(answer), *facts.luck(answer))
        ),
        *([f"The {n} best-supported sets: {agreed}."] if agreed and n > 1 else []),
        f"{facts.passed(answer)}. Index {answer['active_collection']}, {answer['embed_model']}.",
    ]
    shown = "".join(el("div", num(line)) for line in lines)
    return el("div", shown, cls="tkb-foot tkb-small tkb-faint")
