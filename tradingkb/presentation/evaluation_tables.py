"""The tables of an evaluation's report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tradingkb.presentation import format as fmt
from tradingkb.presentation.evaluation_facts import (
    CHOSEN,
    CLUSTERS,
    REFERENCES,
    Evaluation,
    Row,
    bounds,
    change,
    cluster_counts,
    earned,
    interval,
    mark,
    number,
    objective_name,
    share,
)
from tradingkb.presentation.markup import el, esc, num, table

#: Methods that the tables and dot plots of groups show.
SHOWN: Final = ("tradingkb", "average", "defaults", "is_best", "stated")
#: Variants of the recommender, and what a reader calls them.
VARIANTS: Final = {
    "tradingkb": "measured regime, own in-sample results: the recommender",
    "stated": "the regime stated as it truly became",
    "no_regime": "no regime",
    "no_own_results": "measured regime, no own in-sample results",
}
_EMPTY: Final = f'<span class="note">{fmt.NONE}</span>'


def wide(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table that scrolls sideways on a narrow page while its first column stays."""
    return el("div", table(head, rows, cls="pinned"), cls="wide")


def cell(text: str) -> str:
    """A formatted number that does not break; a dash where there is none."""
    return el("span", num(text), cls="num") if text else _EMPTY


def method_name(e: Evaluation, method: str) -> str:
    """A method's name, what it means when pointed at, and whether it has hindsight."""
    said = mark(e, method)
    name = el("code", esc(method), title=str(e["methods"].get(method, "")))
    return el("div", name, el("div", said, cls="note") if said else "")


def main_table(e: Evaluation) -> str:
    """Every method: regret, differences with intervals, and what it earned."""
    references = [r for r in REFERENCES if any(f"vs_{r}" in row for row in e["table"])]
    head = ["method", "regret", *(f"against {REFERENCES[r]}" for r in references)]
    head += ["beats the defaults", f"mean {objective_name(e)}"]
    rows = [
        [
            method_name(e, row["method"]),
            cell(number(row["regret"], 4)),
            *(difference_cell(row, r) for r in references),
            cell(share(row["beats_defaults"])),
            cell(earned(e, row)),
        ]
        for row in e["table"]
    ]
    return wide(head, rows)


def difference_cell(row: Row, reference: str, cluster: str = CHOSEN) -> str:
    """A difference over its interval; strong where the interval leaves out zero."""
    text = change(row.get(f"vs_{reference}"))
    if not text or row["method"] == reference:
        return _EMPTY
    found = bounds(row, reference, cluster)
    apart = found is not None and (found[1] < 0 or found[0] > 0)
    value = el("strong" if apart else "span", num(text))
    return el("div", value, el("div", num(interval(row, reference, cluster))), cls="num")


def cluster_table(e: Evaluation, row: Row) -> str:
    """The intervals of one method's differences by each way of resampling, side by side."""
    counts = cluster_counts(e)
    head = ["against", "difference"]
    head += [f"95 % by {CLUSTERS[c]}{_n(counts.get(c))}" for c in CLUSTERS]
    rows = [
        [
            el("div", esc(name), cls="said"),
            cell(change(row.get(f"vs_{r}"))),
            *(cell(interval(row, r, c)) for c in CLUSTERS),
        ]
        for r, name in REFERENCES.items()
        if change(row.get(f"vs_{r}"))
    ]
    return wide(head, rows)


def _n(count: int | None) -> str:
    return "" if count is None else f" (n = {count:,})"


def group_name(group: str, value: Any) -> str:
    """How a group is called: filters that were relaxed are no True and False to a reader."""
    if value is None:
        return fmt.UNKNOWN
    if group == "relaxed":
        return "relaxed filters" if value else "strict filters"
    return str(value)


def shown_methods(rows: Sequence[Row]) -> list[str]:
    """The methods of `SHOWN` that a table of groups has."""
    return [m for m in SHOWN if rows and m in rows[0]]


def group_table(e: Evaluation, group: str) -> str:
    """Mean regret of the main methods per group; "" without any group."""
    rows = e["groups"].get(group) or []
    methods = shown_methods(rows)
    head = [_HEADS.get(group, group), "decisions", *(_head(e, m) for m in methods)]
    head.append("tradingkb against average")
    cells = [
        [
            el("strong", esc(group_name(group, row[group]))),
            cell(f"{row['n']:,}"),
            *(cell(number(row[m], 3)) for m in methods),
            cell(change(row.get("vs_average"))),
        ]
        for row in rows
    ]
    return wide(head, cells) if cells else ""


_HEADS: Final = {"relaxed": "filters"}


def _head(e: Evaluation, method: str) -> str:
    said = mark(e, method)
    return f"{method} ({said})" if said else method


def coverage_table(e: Evaluation) -> str:
    """How often the recommender answered, by status."""
    head = ("status", "decisions", "share", "with relaxed filters", "regret", "beats the defaults")
    rows = [
        [
            el("strong", esc(row["status"])),
            cell(f"{row['n']:,}"),
            cell(share(row["share"], 1)),
            cell(share(row["relaxed"], 1)),
            cell(number(row["regret"], 3)),
            cell(share(row["beats_defaults"])),
        ]
        for row in e["coverage"]
    ]
    return wide(head, rows) if rows else ""


def against_table(e: Evaluation, methods: dict[str, str], reference: str) -> str:
    """Methods beside their original, with the intervals of the difference.

    Args:
        e: the evaluation.
        methods: method to what a reader calls it; those that are not in the table are left out.
        reference: the original.
    """
    known = {row["method"]: row for row in e["table"]}
    by = [f"95 % by {name}" for name in CLUSTERS.values()]
    head = ("method", "what changes", "regret", f"against {reference}", *by)
    rows = [
        [
            method_name(e, m),
            el("div", esc(said), cls="said"),
            cell(number(known[m]["regret"], 4)),
            cell(change(known[m].get(f"vs_{reference}"))),
            *(cell(interval(known[m], reference, c)) for c in CLUSTERS),
        ]
        for m, said in methods.items()
        if m in known
    ]
    return wide(head, rows)


def names_table(head: tuple[str, str], values: Iterable[tuple[str, str]]) -> str:
    """Names and values, both plain text."""
    rows = [[el("code", esc(name)), cell(value)] for name, value in values]
    return el("div", table(head, rows), cls="wide narrow")
