"""The evidence behind an answer as a figure: every window that tried the parameters."""

from __future__ import annotations

from typing import Any, Final

from tradingkb.exceptions import ConfigurationError
from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer
from tradingkb.presentation.figure_data import (
    Group,
    Row,
    by_instrument,
    by_neighbourhood,
    hover,
    marker_sizes,
    plain,
    scored,
)
from tradingkb.presentation.figure_style import (
    AXIS,
    BLUE,
    GREEN,
    INK,
    LEGEND,
    ORANGE,
    PURPLE,
    frame,
)

_MARKS: Final = {"own": (ORANGE, "diamond"), "other": (BLUE, "circle")}
_EXPECTED: Final = GREEN
_DEFAULTS: Final = PURPLE
_HEIGHT: Final = 500
_FEWEST_FOR_BOX: Final = 5


def evidence_figure(answer: Answer) -> Any:
    """Every window that tried the recommended parameters, over time and by regime.

    Args:
        answer: `Recommendation.to_dict()`.

    Returns:
        A `plotly.graph_objects.Figure`; with a message in place of points when there is no
        evidence to show.

    Raises:
        ConfigurationError: plotly is not installed.
    """
    try:
        from plotly.graph_objects import Figure
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise ConfigurationError(
            "figures need plotly: pip install 'tradingkb[notebooks]'"
        ) from error
    rows = scored(answer)
    if not rows:
        return _empty(Figure(), answer)
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, column_widths=[0.66, 0.34], horizontal_spacing=0.03
    )
    _add_points(figure, rows, answer)
    _add_groups(figure, by_neighbourhood(rows), answer)
    _add_expectation(figure, answer)
    _style(figure, rows, answer)
    return figure


def _empty(figure: Any, answer: Answer) -> Any:
    """A figure that says why there is nothing to show."""
    if answer["params"] is None:
        reasons = facts.coded(answer, "reasons")
        why = "<br>".join(plain(meaning or code) for code, meaning in reasons)
        text = f"<b>No parameters are defensible, so there is no evidence to draw.</b><br>{why}"
    else:
        text = (
            "<b>No window tried exactly these parameters.</b><br>"
            "What they are expected to earn comes from neighbouring parameters."
        )
    figure.add_annotation(
        text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 15}
    )
    hidden = {"visible": False, "range": [0, 1]}
    figure.update_layout(xaxis=hidden, yaxis=hidden, title=_title(answer, 0), **frame(260))
    return figure


def _add_points(figure: Any, rows: list[Row], answer: Answer) -> None:
    sizes = marker_sizes(rows)
    for key, name, members in by_instrument(rows, answer):
        colour, symbol = _MARKS[key]
        figure.add_scatter(
            x=[rows[i]["end"] for i in members],
            y=[rows[i]["objective"] for i in members],
            mode="markers",
            name=f"{plain(name)} (n={len(members)})",
            marker={
                "size": [sizes[i] for i in members],
                "color": colour,
                "symbol": symbol,
                "opacity": 0.8 if key == "own" else 0.6,
                "line": {"width": 0.6, "color": "rgba(255,255,255,.6)"},
            },
            customdata=[[hover(rows[i], answer)] for i in members],
            hovertemplate="%{customdata[0]}<extra></extra>",
            row=1,
            col=1,
        )


def _add_groups(figure: Any, groups: list[Group], answer: Answer) -> None:
    for group in groups:
        # Quartiles of a handful of windows say nothing: only the points are shown.
        few = len(group.rows) < _FEWEST_FOR_BOX
        figure.add_box(
            x=[group.label] * len(group.rows),
            y=[row["objective"] for row in group.rows],
            name=group.label,
            boxpoints="all" if len(group.rows) <= 200 else "outliers",
            jitter=0.5,
            pointpos=0,
            marker={"color": _MARKS["other"][0], "size": 4, "opacity": 0.45},
            line={"color": "rgba(0,0,0,0)" if few else INK, "width": 1.6},
            fillcolor="rgba(0,0,0,0)" if few else "rgba(128,128,128,.10)",
            customdata=[[hover(row, answer)] for row in group.rows],
            hovertemplate="%{customdata[0]}<extra></extra>",
            showlegend=False,
            row=1,
            col=2,
        )


def _add_expectation(figure: Any, answer: Answer) -> None:
    """Expected value with its interval, and the defaults' value, across both panels."""
    expected, unit = answer["expected"] or {}, facts.unit(answer)
    defaults = ((answer.get("baseline") or {}).get("defaults") or {}).get("expected") or {}
    low, high = fmt.finite(expected.get("low")), fmt.finite(expected.get("high"))
    if low is not None and high is not None:
        band = {"fillcolor": _EXPECTED, "opacity": 0.18, "line_width": 0, "layer": "below"}
        figure.add_hrect(low, high, **band)
    bounds = f" ({fmt.interval(low, high, unit)})"
    lines = (
        ("expected", expected, _EXPECTED, "solid", bounds if low is not None else ""),
        ("defaults", defaults, _DEFAULTS, "dash", ""),
    )
    for name, source, colour, dash, more in lines:
        value = fmt.finite(source.get("value"))
        if value is None:
            continue
        label = f"{name} {fmt.score(value, unit)}{more}"
        line = {"color": colour, "width": 2.2, "dash": dash}
        # A trace without points is the line's entry in the legend.
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=label, row=1, col=1)
        figure.add_hline(value, line=line)


def _style(figure: Any, rows: list[Row], answer: Answer) -> None:
    unit = facts.unit_label(answer)
    objective = plain(answer["objective_type"])
    figure.update_xaxes(AXIS)
    figure.update_yaxes(AXIS)
    if facts.unit(answer) == "fraction":
        figure.update_yaxes(tickformat=".0%")
    label = f"{objective} per window" + (f" ({plain(unit)})" if unit else "")
    figure.update_yaxes(title_text=label, row=1, col=1)
    figure.update_xaxes(title_text="end of the window (UTC)", type="date", row=1, col=1)
    figure.update_xaxes(title_text="regime distance to the query", row=1, col=2)
    figure.update_xaxes(showgrid=False, tickangle=0, row=1, col=2)
    figure.update_layout(legend=LEGEND, title=_title(answer, len(rows)), **frame(_HEIGHT))


def _title(answer: Answer, n: int) -> dict[str, Any]:
    unit = facts.unit_label(answer)
    shown = f"{answer['objective_type']}{f' ({unit})' if unit else ''} per window"
    text = f"<b>{plain(answer['strategy_name'])}</b>: {plain(shown)}, n = {fmt.count(n, 'window')}"
    place = {"x": 0, "xref": "paper", "y": 0.97, "yanchor": "top", "font": {"size": 17}}
    return {"text": text, "subtitle": {"text": _subtitle(answer, n), "font": {"size": 12}}, **place}


def _subtitle(answer: Answer, n: int) -> str:
    if not n:
        return plain(facts.market(answer))
    weighted = any(row.get("regime_distance") is not None for row in answer["evidence"])
    expected = answer["expected"] or {}
    keys = ["larger marks: regime closer to the query's"] if weighted else []
    if fmt.finite(expected.get("low")) is not None:
        keys.append(f"band: {facts.interval_name(expected)} of the expected value")
    return f"{plain(fmt.params_text(answer['params']))}<br>{'; '.join(keys)}"
