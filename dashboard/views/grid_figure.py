"""The parameter grid as a heat map: Plotly's data and layout, from a grid and its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from dashboard.views.grid import Grid, Mark, Place, hover_text
from dashboard.views.numbers import params_text, score_text

_WIDTH: Final = 660
_HEIGHT: Final = 560
_LARGEST_CELL: Final = 88
_SMALLEST_CELL: Final = 16
#: Pixels of a cell from which its value has room, and the number of windows below it.
_ROOM_FOR_VALUE: Final = 34
_ROOM_FOR_COUNT: Final = 46
_HATCH: Final = "rgba(90,90,90,.75)"


#: Of a mark that has no look of its own.
_PLAIN_MARK: Final = {"color": "#7d7d7d", "symbol": "square"}


@dataclass(frozen=True)
class Look:
    """The colours of a figure, as the whole dashboard has them.

    Attributes:
        ink: of texts and axes.
        diverging: stops of the scale around a break-even value, worse first.
        sequential: stops of the scale from few, or worse, to many.
        marks: `color` and `symbol` of a marked set, by its name.
    """

    ink: str
    diverging: Sequence[tuple[float, str]]
    sequential: Sequence[tuple[float, str]]
    marks: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Size:
    """How large a grid is drawn, in pixels.

    Attributes:
        cell: side of a cell.
        width, height: of the whole figure.
    """

    cell: int
    width: int
    height: int


def size(shown: Grid) -> Size:
    """Square cells, as large as there is room for."""
    across, along = len(shown.columns), len(shown.rows)
    room = min(_WIDTH // max(across, 1), _HEIGHT // max(along, 1))
    cell = max(_SMALLEST_CELL, min(_LARGEST_CELL, room))
    left, right = _left(shown), 96
    # The legend stands below the plot and needs its width.
    return Size(cell, max(left + across * cell + right, 420), 150 + along * cell)


def grid_figure(shown: Grid, marks: Sequence[Mark], look: Look) -> dict[str, Any]:
    """The heat map as Plotly reads it.

    Args:
        shown: the grid.
        marks: sets to point out; those without a cell have no symbol.
        look: its colours.
    """
    sizes = size(shown)
    symbols = _symbols(marks, sizes, look)
    data = [_heat(shown, marks, sizes, look), *_hatched(shown), *symbols]
    return {"data": data, "layout": _layout(shown, sizes, look.ink)}


def _heat(shown: Grid, marks: Sequence[Mark], sizes: Size, look: Look) -> dict[str, Any]:
    low, high = shown.limits()
    scale = look.sequential if shown.centre is None else look.diverging
    return {
        "type": "heatmap",
        "x": list(range(len(shown.columns))),
        "y": list(range(len(shown.rows))),
        "z": [list(row) for row in shown.value],
        "zmin": low,
        "zmax": high,
        "colorscale": [list(stop) for stop in scale],
        "reversescale": shown.direction == "min",
        "text": _grid_of(shown, lambda place: _cell_text(shown, place, sizes)),
        "texttemplate": "%{text}",
        "textfont": {"size": 13 if sizes.cell >= _ROOM_FOR_COUNT else 11},
        "customdata": _grid_of(shown, lambda place: _html(hover_text(shown, place, marks))),
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {
            "title": {"text": _unit_title(shown), "side": "right"},
            "thickness": 12,
            "len": 1.0,
            "outlinewidth": 0,
            "tickformat": ".0%" if shown.unit == "fraction" else "",
        },
    }


def _hatched(shown: Grid) -> list[dict[str, Any]]:
    """Three diagonal lines over each cell with few windows."""
    thin = shown.thin()
    if not thin:
        return []
    xs: list[float | None] = []
    ys: list[float | None] = []
    for x, y in thin:
        for (x0, y0), (x1, y1) in _DIAGONALS:
            xs += [x + x0, x + x1, None]
            ys += [y + y0, y + y1, None]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": xs,
            "y": ys,
            "line": {"color": _HATCH, "width": 1.2},
            "name": f"hatched: fewer than {shown.few:,} windows",
            "hoverinfo": "skip",
        }
    ]


_DIAGONALS: Final = (
    ((-0.47, -0.12), (0.12, 0.47)),
    ((-0.47, -0.47), (0.47, 0.47)),
    ((-0.12, -0.47), (0.47, 0.12)),
)


def _symbols(marks: Sequence[Mark], sizes: Size, look: Look) -> list[dict[str, Any]]:
    """A symbol in the upper corner of its cell, so that the value stays readable."""
    found = []
    for k, mark in enumerate(marks):
        if mark.place is None:
            continue
        seen = look.marks.get(mark.name, _PLAIN_MARK)
        x, y = mark.place
        found.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [x + (0.33 if k % 2 == 0 else -0.33)],
                "y": [y + 0.33],
                "marker": {
                    "symbol": seen["symbol"],
                    "size": max(9, min(17, sizes.cell // 4)),
                    "color": seen["color"],
                    "line": {"color": "#ffffff", "width": 1.5},
                },
                "name": _html(f"{mark.name}: {params_text(mark.params)}"),
                "hoverinfo": "skip",
            }
        )
    return found


def _layout(shown: Grid, sizes: Size, ink: str) -> dict[str, Any]:
    return {
        "width": sizes.width,
        "height": sizes.height,
        "margin": {"l": _left(shown), "r": 20, "t": 16, "b": 20},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink, "size": 13},
        "hoverlabel": {"align": "left"},
        "xaxis": {
            **_axis(shown.p, [level.label for level in shown.columns], sizes.cell),
            "constrain": "domain",
        },
        "yaxis": {
            **_axis(shown.q, [level.label for level in shown.rows], sizes.cell),
            "scaleanchor": "x",
            "constrain": "domain",
        },
        "legend": {
            "orientation": "v",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "showlegend": True,
        "dragmode": False,
    }


def _axis(name: str, labels: list[str], cell: int) -> dict[str, Any]:
    return {
        "title": {"text": _html(name), "standoff": 10},
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [_html(_short(label)) for label in labels],
        "range": [-0.5, len(labels) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 12 if cell >= 24 else 9},
        "fixedrange": True,
        "automargin": True,
    }


def _cell_text(shown: Grid, place: Place, sizes: Size) -> str:
    x, y = place
    value = shown.value[y][x]
    if value is None or sizes.cell < _ROOM_FOR_VALUE:
        return ""
    text = score_text(value, shown.unit, 2 if sizes.cell >= _ROOM_FOR_COUNT else 1)
    if shown.clear(place):
        text = f"<b>{text}</b>"
    if sizes.cell < _ROOM_FOR_COUNT:
        return text
    return f"{text}<br><span style='font-size:10px'>n {shown.n_windows[y][x]:,}</span>"


def _grid_of(shown: Grid, text: Any) -> list[list[str]]:
    tried = set(shown.tried())
    return [
        [text((x, y)) if (x, y) in tried else "" for x in range(len(shown.columns))]
        for y in range(len(shown.rows))
    ]


def _unit_title(shown: Grid) -> str:
    better = "more is better" if shown.direction == "max" else "less is better"
    unit = "percent" if shown.unit == "fraction" else shown.unit
    return _html(f"mean, {unit} ({better})" if unit else f"mean ({better})")


def _left(shown: Grid) -> int:
    return 60 + 7 * max((len(_short(level.label)) for level in shown.rows), default=0)


def _short(label: str) -> str:
    return label if len(label) <= 18 else f"{label[:17]}…"


def _html(text: str) -> str:
    """Text from data for Plotly, which reads tags; line ends become its own."""
    return escape(text, quote=False).replace("\n", "<br>")
