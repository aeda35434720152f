"""A regime as a small card for notebooks; it takes its colours from the page around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.domain import FEATURE_INFO
from tradingkb.presentation import format as fmt
from tradingkb.presentation.markup import el, esc

# `currentColor` with opacity is readable on light and dark pages; fixed greys are not.
_BOX: Final = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:.6em .9em;"
    "display:inline-block;color:inherit;font-size:.9em"
)
_TAG: Final = "border:1px solid currentColor;border-radius:1em;padding:0 .6em;margin-right:.3em"
_CELL: Final = "text-align:left;padding:.1em .8em .1em 0;color:inherit;background:transparent"
_FAINT: Final = "opacity:.7"


def regime_card(regime: Mapping[str, Any]) -> str:
    """HTML of `Regime.to_dict()`: tags with their evidence, features with units, warnings."""
    return el(
        "div",
        el("div", el("strong", esc(_title(regime)))),
        el("div", esc(_facts(regime)), style=_FAINT),
        *(_tag(tag, regime["evidence"]) for tag in regime["tags"]),
        "" if regime["tags"] else el("p", "no tag fired", style="margin:.4em 0"),
        *(el("div", f"⚠ {esc(text)}") for text in regime["warnings"]),
        _features(regime["features"]),
        style=_BOX,
    )


def _title(regime: Mapping[str, Any]) -> str:
    name = fmt.market(regime["symbol"], regime["timeframe"])
    return f"{str(regime['source']).capitalize()} regime" + (f" · {name}" if name else "")


def _facts(regime: Mapping[str, Any]) -> str:
    facts = [f"{regime['bars']} bars"] if regime["bars"] is not None else []
    if regime["start"] and regime["end"]:
        start, end = (regime[edge][:16].replace("T", " ") for edge in ("start", "end"))
        facts.append(f"{start} to {end} UTC")
    return ", ".join([*facts, f"schema {regime['schema_version']}"])


def _tag(tag: str, evidence: list[dict[str, Any]]) -> str:
    fired = (item for item in evidence if item["tag"] == tag)
    rules = "; ".join(f"{item['rule']} (is {_number(item['value'])})" for item in fired)
    name = el("span", esc(tag), style=_TAG)
    return el("div", name, el("span", esc(rules), style=_FAINT), style="margin:.3em 0")


def _features(values: Mapping[str, float]) -> str:
    heads = (el("th", text, style=_CELL) for text in ("feature", "value", "unit"))
    rows = (_row(name, value) for name, value in values.items())
    return el("table", el("tr", *heads), *rows, style="margin-top:.5em")


def _row(name: str, value: float) -> str:
    info = FEATURE_INFO[name]
    cells = (el("td", esc(text), style=_CELL) for text in (name, _number(value), info.unit))
    return el("tr", *cells, title=info.meaning, style="background:transparent")


def _number(value: float) -> str:
    return f"{value:.4g}"
