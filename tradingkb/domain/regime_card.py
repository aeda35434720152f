"""A regime as a small HTML card for notebooks; it takes its colours from the page around it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tradingkb.domain.regime_features import FEATURE_INFO

# `currentColor` with opacity is readable on light and dark pages; fixed greys are not.
_BOX = (
    "border:1px solid rgba(128,128,128,.4);border-radius:6px;padding:.6em .9em;"
    "display:inline-block;color:inherit;font-size:.9em"
)
_TAG = "border:1px solid currentColor;border-radius:1em;padding:0 .6em;margin-right:.3em"
_CELL = "text-align:left;padding:.1em .8em .1em 0;color:inherit;background:transparent"
_FAINT = "opacity:.7"


def regime_card(regime: Mapping[str, Any]) -> str:
    """HTML of `Regime.to_dict()`: tags with their evidence, features with units, warnings."""
    return (
        f'<div style="{_BOX}"><div><strong>{escape(_title(regime))}</strong></div>'
        f'<div style="{_FAINT}">{escape(_facts(regime))}</div>'
        f"{_tags(regime)}{_warnings(regime)}{_table(regime)}</div>"
    )


def _title(regime: Mapping[str, Any]) -> str:
    name = " ".join(str(regime[key]) for key in ("symbol", "timeframe") if regime[key])
    return f"{str(regime['source']).capitalize()} regime" + (f" · {name}" if name else "")


def _facts(regime: Mapping[str, Any]) -> str:
    facts = [f"{regime['bars']} bars"] if regime["bars"] is not None else []
    if regime["start"] and regime["end"]:
        start, end = (regime[edge][:16].replace("T", " ") for edge in ("start", "end"))
        facts.append(f"{start} to {end} UTC")
    return ", ".join([*facts, f"schema {regime['schema_version']}"])


def _tags(regime: Mapping[str, Any]) -> str:
    if not regime["tags"]:
        return '<p style="margin:.4em 0">no tag fired</p>'
    return "".join(_tag(tag, regime["evidence"]) for tag in regime["tags"])


def _tag(tag: str, evidence: list[dict[str, Any]]) -> str:
    rules = "; ".join(
        f"{item['rule']} (is {_number(item['value'])})" for item in evidence if item["tag"] == tag
    )
    return (
        f'<div style="margin:.3em 0"><span style="{_TAG}">{escape(tag)}</span>'
        f'<span style="{_FAINT}">{escape(rules)}</span></div>'
    )


def _warnings(regime: Mapping[str, Any]) -> str:
    return "".join(f"<div>⚠ {escape(text)}</div>" for text in regime["warnings"])


def _table(regime: Mapping[str, Any]) -> str:
    rows = "".join(_row(name, value) for name, value in regime["features"].items())
    head = "".join(f'<th style="{_CELL}">{text}</th>' for text in ("feature", "value", "unit"))
    return f'<table style="margin-top:.5em"><tr>{head}</tr>{rows}</table>'


def _row(name: str, value: float) -> str:
    info = FEATURE_INFO[name]
    cells = (name, _number(value), info.unit)
    tds = "".join(f'<td style="{_CELL}">{escape(text)}</td>' for text in cells)
    return (
        f'<tr title="{escape(info.meaning, quote=True)}" style="background:transparent">{tds}</tr>'
    )


def _number(value: float) -> str:
    return f"{value:.4g}"
