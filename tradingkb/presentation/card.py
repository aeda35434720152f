"""The card that an answer shows in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.presentation import card_parts as parts
from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer
from tradingkb.presentation.markup import el, esc, num, table


def answer_card(answer: Answer) -> str:
    """HTML of `Recommendation.to_dict()`: self-contained, no script, light and dark.

    Args:
        answer: the dict form of an answer.

    Returns:
        One element with its own stylesheet. Equal answers give equal cards: what differs between
        two runs (request id, clock, timings) is left out.
    """
    return parts.standalone(card_body(answer))


def card_body(answer: Answer) -> str:
    """The card without its stylesheet, for a page that brings `CARD_CSS` once."""
    status = facts.status(answer)
    badge = el("span", f"{status.sign} {status.word}", cls="tkb-badge") + " "
    why = parts.code_lists(answer) + _obstacles(answer)
    beside = _comparison(answer) + parts.regime_section(answer)
    # Where there is no answer, what stood in the way is what a reader looks for first.
    rest = why + beside if answer["status"] == "none" else _chosen(answer) + beside + why
    head = parts.head(answer, status.meaning, badge)
    return el("div", head, rest, _foot(answer), cls=f"tkb-card tkb-{answer['status']}")


def _chosen(answer: Answer) -> str:
    if answer["params"] is None:
        return _facts(answer)
    tried = "" if answer["params_tested"] else " (never tried exactly so)"
    repairs = (
        f"repaired {el('code', esc(name))}: {esc(what)}"
        for name, what in answer["repaired_params"].items()
    )
    return parts.parameters(f"Parameters{tried}", answer["params"], repairs) + _facts(answer)


def _facts(answer: Answer) -> str:
    if not answer["expected"]:
        return ""
    return parts.key_facts(
        {
            f"Expected {answer['objective_type']}": facts.mean(answer),
            "A single window": (facts.single_windows(answer), "80 % of single windows fell here"),
            "Evidence": facts.support(answer),
            "Confidence": (facts.confidence(answer)[0], facts.confidence_note(answer)),
        }
    )


def _comparison(answer: Answer) -> str:
    rows = facts.options(answer)
    if not rows or (len(rows) == 1 and answer["params"] is not None):
        return ""
    return parts.comparison(rows, facts.unit(answer), "Beside the baseline", "recommended")


def _obstacles(answer: Answer) -> str:
    """Rejections and relaxations; open where there is no answer, folded where there is one."""
    rejected = table(map(_rejection, facts.rejections(answer)), cls="tkb-table")
    relaxed = parts.bullets(map(_relaxation, answer["recommended_relaxed_settings"]))
    if answer["status"] == "none":
        return parts.section("What stood in the way", rejected) + parts.section(
            "The smallest change that helps", relaxed
        )
    summary = el("summary", "What the strict filters turned away, and the smallest way around")
    return el("details", summary, rejected, relaxed) if relaxed else ""


def _rejection(row: Mapping[str, Any]) -> dict[str, str]:
    counts = {"fails": "trials that fail it", "fails_only": "fail only it", "unknown": "not known"}
    return {
        "filter": el("code", esc(row["filter"])),
        "threshold": el("code", esc(fmt.literal(row["value"]))),
        **{name: el("span", f"{row[key]:,}", cls="tkb-num") for key, name in counts.items()},
    }


def _relaxation(setting: Mapping[str, Any]) -> str:
    change = esc(facts.relaxation(setting)).replace("-&gt;", "→")
    return change + el("div", f"risk: {esc(setting['risk'])}", cls="tkb-small tkb-faint")


def _foot(answer: Answer) -> str:
    agreed, n = "; ".join(facts.agreement(answer)), facts.agreement_size(answer)
    said = (*facts.confidence_basis(answer), *facts.luck(answer))
    lines = [f"{text[0].upper()}{text[1:]}." for text in said]
    lines += [f"The {n} best-supported sets: {agreed}."] if agreed and n > 1 else []
    passed = facts.passed(answer)
    lines.append(f"{passed}. Index {answer['collection']}, {answer['embed_model']}.")
    return el("div", *(el("div", num(line)) for line in lines), cls="tkb-foot tkb-small tkb-faint")
