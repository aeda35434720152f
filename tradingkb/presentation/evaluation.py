"""An evaluation as text, Markdown and the body of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tradingkb.presentation.markup import el, esc

#: Which resampling the narrow tables quote: the one that asks most of few symbols.
_CLUSTER: Final = "symbol"
_COLUMNS: Final = (
    "method", "regret", "against the average", "against the defaults", "beats defaults", "mean",
)  # fmt: skip


def table_rows(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """One row of texts per method: `COLUMNS` of the narrow table."""
    return [_row(row, evaluation["impossible"]) for row in evaluation["table"]]


def _row(row: Mapping[str, Any], impossible: Sequence[str]) -> list[str]:
    mark = " (hindsight)" if row["method"] in impossible else ""
    return [
        row["method"] + mark,
        number(row["regret"], 4),
        difference(row, "average"),
        difference(row, "defaults"),
        share(row["beats_defaults"]),
        number(row["objective"], 3, signed=True),
    ]


def difference(row: Mapping[str, Any], reference: str, cluster: str = _CLUSTER) -> str:
    """-0.013 (-0.022 to -0.004), the 95 % interval by resampling clusters."""
    value = row.get(f"vs_{reference}")
    if value is None or row["method"] == reference:
        return ""
    low, high = (row[f"vs_{reference}_{side}_{cluster}"] for side in ("low", "high"))
    text = number(value, 3, signed=True)
    if low is None or low != low:
        return text
    return f"{text} ({number(low, 3, signed=True)} to {number(high, 3, signed=True)})"


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number of fixed digits; an empty text where it is unknown."""
    if value is None or value != value:
        return ""
    return f"{value:{'+' if signed else ''}.{digits}f}"


def share(value: float | None) -> str:
    """55 %; an empty text where it is unknown."""
    return "" if value is None or value != value else f"{100 * value:.0f} %"


def summary_sentence(e: Mapping[str, Any]) -> str:
    """What was replayed, in one sentence."""
    return (
        f"{e['n_decisions']:,} decisions ({e['n_common']:,} that every method made) on "
        f"{e['n_windows']:,} windows of {e['n_symbols']} symbols in {e['n_quarters']} quarters, "
        f"judged by {e['objective']}"
    )


def verdict(e: Mapping[str, Any]) -> str:
    """Whether the recommender is better than the average and the defaults, as far as it shows."""
    mine = next(row for row in e["table"] if row["method"] == "tradingkb")
    parts = []
    for reference, name in (("average", "the plain average"), ("defaults", "the defaults"),
                            ("is_best", "the in-sample best")):  # fmt: skip
        low, high = (mine.get(f"vs_{reference}_{s}_{_CLUSTER}") for s in ("low", "high"))
        if low is None or high is None or low != low:
            continue
        word = "better than" if high < 0 else "worse than" if low > 0 else "not told apart from"
        parts.append(f"{word} {name}")
    return f"the recommender is {', '.join(parts)} (95 % intervals by {_CLUSTER})" if parts else ""


def evaluation_text(e: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    rows = [list(_COLUMNS), *table_rows(e)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_COLUMNS))]
    lines = [summary_sentence(e), ""]
    lines += ["  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    lines += ["", verdict(e)]
    return "\n".join(lines)


def evaluation_markdown(e: Mapping[str, Any]) -> str:
    """The table for a README."""
    lines = [
        f"| {' | '.join(_COLUMNS)} | what it is |",
        f"|{' --- |' * (len(_COLUMNS) + 1)}",
    ]
    for row, texts in zip(e["table"], table_rows(e), strict=True):
        lines.append(f"| {' | '.join(texts)} | {e['methods'][row['method']]} |")
    return "\n".join(lines)


def evaluation_body(e: Mapping[str, Any]) -> str:
    """The sentence, the table and the verdict as HTML."""
    head = el("tr", *(el("th", esc(name)) for name in _COLUMNS))
    body = "".join(el("tr", *(el("td", esc(text)) for text in row)) for row in table_rows(e))
    table = el("table", el("thead", head), el("tbody", body))
    return el("p", esc(summary_sentence(e))) + table + el("p", esc(verdict(e)))
