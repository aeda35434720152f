"""The tables of an evaluation's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tradingkb.presentation import format as fmt
from tradingkb.presentation.evaluation_facts import (
    CLUSTERS,
    REFERENCES,
    Evaluation,
    Row,
    all_exact,
    bounds,
    change,
    cluster_counts,
    earned,
    exact_count,
    exact_difference,
    interval,
    mark,
    marked,
    method_row,
    number,
    objective_name,
    share,
)
from tradingkb.presentation.markup import cell, el, esc, num, table, wide

#: Methods that the tables and dot plots of groups show.
SHOWN: Final = ("tradingkb", "average", "defaults", "is_best", "stated")
#: Variants of the recommender, and what a reader calls them.
VARIANTS: Final = {
    "tradingkb": "measured regime, own in-sample results: the recommender",
    "stated": "the regime stated as it truly became",
    "no_regime": "no regime",
    "no_own_results": "measured regime, no own in-sample results",
    "no_own_history": "measured regime, own in-sample results, no history of the instrument",
}


def _method(e: Evaluation, method: str) -> str:
    """A method's name, what it means when pointed at, and whether it has hindsight."""
    said = mark(e, method)
    name = el("code", esc(method), title=str(e["methods"].get(method, "")))
    return el("div", name, el("div", said, cls="note") if said else "")


def main_table(e: Evaluation) -> str:
    """Every method: regret, differences with intervals, and what it earned."""
    references = [r for r in REFERENCES if any(f"vs_{r}" in row for row in e["table"])]
    return wide(
        {
            "method": _method(e, row["method"]),
            "regret": cell(number(row["regret"], 4)),
            **{f"against {REFERENCES[r]}": _difference(row, r) for r in references},
            "beats the defaults": cell(share(row["beats_defaults"])),
            **_exact(e, row),
            f"mean {objective_name(e)}": cell(earned(e, row)),
        }
        for row in e["table"]
    )


def _exact(e: Evaluation, row: Row) -> dict[str, str]:
    """How many outcomes are the chosen sets' own, and the difference on these alone."""
    if all_exact(e):
        return {}
    return {
        "exact results": cell(exact_count(row)),
        f"against {REFERENCES['average']}, both exact": cell(exact_difference(row)),
    }


def _difference(row: Row, reference: str) -> str:
    """A difference over its interval; strong where the interval leaves out zero."""
    text = change(row.get(f"vs_{reference}"))
    if not text or row["method"] == reference:
        return cell("")
    found = bounds(row, reference)
    apart = found is not None and (found[1] < 0 or found[0] > 0)
    value = el("strong" if apart else "span", num(text))
    return el("div", value, el("div", num(interval(row, reference))), cls="num")


def cluster_table(e: Evaluation, row: Row) -> str:
    """The intervals of one method's differences by each way of resampling, side by side."""
    counts = cluster_counts(e)
    sizes = {c: f" (n = {counts[c]:,})" if c in counts else "" for c in CLUSTERS}
    return wide(
        {
            "against": el("div", esc(name), cls="said"),
            "difference": cell(change(row.get(f"vs_{r}"))),
            **{f"95 % by {CLUSTERS[c]}{sizes[c]}": cell(interval(row, r, c)) for c in CLUSTERS},
        }
        for r, name in REFERENCES.items()
        if change(row.get(f"vs_{r}"))
    )


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
    return wide(
        {
            "filters" if group == "relaxed" else group: el(
                "strong", esc(group_name(group, row[group]))
            ),
            "decisions": cell(f"{row['n']:,}"),
            **{marked(e, m): cell(number(row[m], 3)) for m in shown_methods(rows)},
            "tradingkb against average": cell(change(row.get("vs_average"))),
        }
        for row in rows
    )


def coverage_table(e: Evaluation) -> str:
    """How often the recommender answered, by status; "" where nothing was asked."""
    return wide(
        {
            "status": el("strong", esc(row["status"])),
            "decisions": cell(f"{row['n']:,}"),
            "share": cell(share(row["share"], 1)),
            "with relaxed filters": cell(share(row["relaxed"], 1)),
            "regret": cell(number(row["regret"], 3)),
            "beats the defaults": cell(share(row["beats_defaults"])),
        }
        for row in e["coverage"]
    )


def against_table(e: Evaluation, methods: dict[str, str], reference: str) -> str:
    """Methods beside their original, with the intervals of the difference.

    Args:
        e: the evaluation.
        methods: method to what a reader calls it; those that are not in the table are left out.
        reference: the original.
    """
    found = ((method_row(e, method), said) for method, said in methods.items())
    return wide(
        {
            "method": _method(e, row["method"]),
            "what changes": el("div", esc(said), cls="said"),
            "regret": cell(number(row["regret"], 4)),
            f"against {reference}": cell(change(row.get(f"vs_{reference}"))),
            **{f"95 % by {by}": cell(interval(row, reference, c)) for c, by in CLUSTERS.items()},
        }
        for row, said in found
        if row
    )


def weights_table(e: Evaluation) -> str:
    """The weights in force."""
    rows = (
        {"weight": el("code", esc(name)), "value": cell(f"{value:g}")}
        for name, value in e["weights"].items()
    )
    return el("div", table(rows), cls="wide narrow")
