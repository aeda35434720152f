"""What stood in the way of an answer: the filters' counts and the smallest way around each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer
from tradingkb.presentation.markup import el, esc, table


def obstacles(answer: Answer) -> str:
    """Rejections and relaxations; open where there is no answer, folded where there is one."""
    rejected = [r for r in answer["filter_rejections"] if r["fails"]]
    relaxed = answer["recommended_relaxed_settings"]
    if answer["status"] == "none":
        return _open("What stood in the way", _rejections(rejected)) + _open(
            "The smallest change that helps", _relaxations(relaxed)
        )
    if not relaxed:
        return ""
    summary = el("summary", "What the strict filters turned away, and the smallest way around")
    return el("details", summary, _rejections(rejected), _relaxations(relaxed))


def _open(label: str, content: str) -> str:
    if not content:
        return ""
    return el("div", el("div", label, cls="tkb-label"), content, cls="tkb-section")


def _rejections(rows: list[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    head = ("filter", "threshold", "trials that fail it", "fail only it", "not known")
    cells = (
        (
            el("code", esc(row["filter"])),
            el("code", esc(fmt.literal(row["value"]))),
            _count(row["fails"]),
            _count(row["fails_only"]),
            _count(row["unknown"]),
        )
        for row in rows
    )
    return table(head, cells, cls="tkb-table")


def _count(n: int) -> str:
    return el("span", f"{n:,}", cls="tkb-num")


def _relaxations(settings: list[Mapping[str, Any]]) -> str:
    entries = [
        el(
            "li",
            esc(facts.relaxation(setting)).replace("-&gt;", "→"),
            el("div", f"risk: {esc(setting['risk'])}", cls="tkb-small tkb-faint"),
        )
        for setting in settings
    ]
    return el("ul", *entries, cls="tkb-list") if entries else ""
