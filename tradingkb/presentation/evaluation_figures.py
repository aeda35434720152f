"""Figures of an evaluation: differences with intervals, regret by group.

Each needs plotly. Titles stand in the page, where they wrap; axes say unit and sample size.
"""

from __future__ import annotations

from typing import Any, Final

from tradingkb.presentation.evaluation_facts import (
    CLUSTERS,
    Evaluation,
    Row,
    bounds,
    change,
    cluster_counts,
    interval,
    mark,
    marked,
    number,
)
from tradingkb.presentation.evaluation_tables import group_name, shown_methods
from tradingkb.presentation.figure_data import plain
from tradingkb.presentation.figure_style import (
    AXIS,
    BLUE,
    GREEN,
    LEGEND,
    ORANGE,
    PURPLE,
    YELLOW,
    ZERO,
    frame,
)

# Far from everything else by construction: it would press the others into a corner.
_LEFT_OUT: Final = ("oracle",)
_CLUSTER_MARKS: Final = {
    "symbol": (ORANGE, "circle"),
    "as_of": (BLUE, "square"),
    "quarter": (PURPLE, "diamond"),
}
_METHOD_MARKS: Final = {
    "tradingkb": (ORANGE, "diamond-open", 15),
    "average": (BLUE, "circle", 10),
    "defaults": (PURPLE, "square", 9),
    "is_best": (GREEN, "triangle-up", 11),
    "stated": (YELLOW, "x-thin-open", 10),
}
_SPREAD: Final = 0.24
_TOP: Final = 12


def forest_figure(e: Evaluation, reference: str = "average") -> Any:
    """Every method's difference to a reference, with an interval over each kind of cluster.

    Raises:
        ImportError: plotly is not installed.
    """
    from plotly.graph_objects import Figure

    rows = [row for row in e["table"] if _drawn(row, reference)][::-1]
    figure = Figure()
    counts = cluster_counts(e)
    for k, (cluster, name) in enumerate(CLUSTERS.items()):
        known = [(y + _SPREAD * (1 - k), row) for y, row in enumerate(rows)]
        label = f"by {name}" + (f" (n = {counts[cluster]:,})" if cluster in counts else "")
        _add_intervals(figure, known, reference, cluster, label)
    figure.update_xaxes(
        AXIS,
        zeroline=False,
        title_text=f"difference of mean regret<br>to {reference}, negative "
        f"is better<br>95 % intervals, n = {e['n_common']:,} decisions",
    )
    figure.update_yaxes(AXIS, showgrid=False, zeroline=False, range=[-0.6, len(rows) - 0.4])
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=[_label(e, r) for r in rows])
    figure.add_vline(0, line={"color": ZERO, "width": 1.5, "dash": "dash"}, layer="below")
    figure.update_layout(dragmode=False, legend=LEGEND, **frame(180 + 42 * len(rows), _TOP))
    return figure


def _drawn(row: Row, reference: str) -> bool:
    known = bool(change(row.get(f"vs_{reference}")))
    return known and row["method"] not in (reference, *_LEFT_OUT)


def _label(e: Evaluation, row: Row) -> str:
    method, said = row["method"], mark(e, row["method"])
    name = f"<b>{plain(method)}</b>" if method == "tradingkb" else plain(method)
    return f"{name}<br>({said})" if said else name


def _add_intervals(
    figure: Any, rows: list[tuple[float, Row]], reference: str, cluster: str, label: str
) -> None:
    colour, symbol = _CLUSTER_MARKS[cluster]
    values = [float(row[f"vs_{reference}"]) for _, row in rows]
    ends = [bounds(row, reference, cluster) for _, row in rows]
    figure.add_scatter(
        x=values,
        y=[y for y, _ in rows],
        mode="markers",
        name=label,
        marker={"color": colour, "symbol": symbol, "size": 8},
        error_x={
            "type": "data",
            "symmetric": False,
            "color": colour,
            "thickness": 2,
            "width": 3,
            "array": [b[1] - v if b else 0.0 for v, b in zip(values, ends, strict=True)],
            "arrayminus": [v - b[0] if b else 0.0 for v, b in zip(values, ends, strict=True)],
        },
        customdata=[[_interval_text(row, reference, cluster)] for _, row in rows],
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def _interval_text(row: Row, reference: str, cluster: str) -> str:
    value = change(row.get(f"vs_{reference}"))
    within = interval(row, reference, cluster) or "no interval"
    return f"<b>{plain(row['method'])}</b> {value}<br>{within} by {CLUSTERS[cluster]}"


def group_figure(e: Evaluation, group: str) -> Any:
    """Mean regret of the main methods in each group, as dots.

    Raises:
        ImportError: plotly is not installed.
    """
    from plotly.graph_objects import Figure

    rows = e["groups"][group][::-1]
    labels = [f"{plain(group_name(group, r[group]))}<br>n = {r['n']:,}" for r in rows]
    figure = Figure()
    for method in shown_methods(rows)[::-1]:  # the recommender last, over the others
        _add_dots(figure, e, rows, labels, method)
    figure.update_xaxes(AXIS, title_text="mean regret<br>(0 best, 1 worst set tried)")
    figure.update_yaxes(AXIS, range=[-0.6, len(rows) - 0.4])
    figure.update_layout(legend={**LEGEND, "traceorder": "reversed"})
    figure.update_layout(dragmode=False, **frame(210 + 46 * len(rows), _TOP))
    return figure


def _add_dots(figure: Any, e: Evaluation, rows: list[Row], labels: list[str], method: str) -> None:
    colour, symbol, size = _METHOD_MARKS[method]
    figure.add_scatter(
        x=[row[method] for row in rows],
        y=labels,
        mode="markers",
        name=marked(e, method),
        marker={"color": colour, "symbol": symbol, "size": size, "line": {"width": 2}}
        if symbol.endswith("-open")
        else {"color": colour, "symbol": symbol, "size": size},
        customdata=[[number(row[method], 3)] for row in rows],
        hovertemplate=f"<b>{plain(method)}</b> %{{customdata[0]}}<br>%{{y}}<extra></extra>",
    )
