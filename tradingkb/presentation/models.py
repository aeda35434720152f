"""Two embedding models beside each other, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.presentation.markup import cell, el, esc, num, table


def models_card(form: Mapping[str, Any]) -> str:
    """HTML of `ModelComparison.to_dict()`: what either loses, the difference, what changes."""
    lost, asked = form["difference"], f"{form['n_questions']:,}"
    rows = [_row(model["model"], model["quality"], model) for model in (form["a"], form["b"])]
    rows.append(_row("difference", {**lost, "loss": lost["value"]}, {}))
    changed = (f"{n:,} of {asked} answers: other {name}" for name, n in form["changed"].items())
    probes = form["a"]["quality"]
    return el(
        "div",
        el("b", "Embedding models"),
        f": {esc(form['workspace'])}, {probes['n_probes']:,} regimes asked of "
        f"{probes['n_windows']:,} windows; loss 0 as exact search, 1 as chance",
        table(rows),
        el("ul", *(el("li", num(text)) for text in changed)),
    )


def _row(name: str, quality: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, str]:
    between = ""
    if quality["low"] is not None:
        between = f"{quality['low']:.2f} to {quality['high']:.2f} over {quality['over']}s"
    return {
        "model": esc(name),
        "dimensions": cell(f"{model['dimension']:,}" if model else ""),
        "embedded": cell(f"{model['embedded']:,}" if model else ""),
        "loss": cell("" if quality["loss"] is None else f"{quality['loss']:.2f}"),
        "95 %": cell(between),
    }
