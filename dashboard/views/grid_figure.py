"""The parameter grid as a heat map: Plotly's data and layout, from a grid and its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

from dashboard.views.grid import Grid, Mark, Place, hover_text
from dashboard.views.numbers import score_text

#: Of a mark that has no look of its own.
_PLAIN_MARK: Final = {"color": "#7d7d7d", "symbol": "square"}
#: Room for the cells, and the sides that one may have, in pixels.
_WIDTH: Final = 520
_HEIGHT: Final = 520
_LARGEST_CELL: Final = 88
_SMALLEST_CELL: Final = 16
#: Pixels of a cell from which its value has room, and the number of windows below it.
_ROOM_FOR_VALUE: Final = 32
_ROOM_FOR_COUNT: Final = 46
#: What stands around the cells: the colour bar, and below the cells the axis and a line
#: of the legend each.
_RIGHT: Final = 92
_TOP: Final = 8
_BELOW: Final = 58
_LEGEND_LINE: Final = 20
_HATCH: Final = "rgba(110,110,110,.75)"
_LONGEST_LABEL: Final = 18


@dataclass(frozen=True)
class Look:
    """The colours of a figure, as the whole dashboard has them.

    Attributes:
        ink: of texts and axes.
        diverging: stops of the scale around the centre, worse first.
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
        left: margin for the labels of the rows.
        width, height: of the whole figure.
        bottom: margin for the axis and the legend.
    """

    cell: int
    left: int
    width: int
    height: int
    bottom: int

    @property
    def numbers(self) -> bool:
        """Whether values stand in the cells."""
        return self.cell >= _ROOM_FOR_VALUE

    @property
    def counts(self) -> bool:
        """Whether the number of windows stands there, too."""
        return self.cell >= _ROOM_FOR_COUNT


def size(shown: Grid, marks: Sequence[Mark]) -> Size:
    """Square cells, as large as there is room for."""
    across, along = len(shown.columns), len(shown.rows)
    room = min(_WIDTH // max(across, 1), _HEIGHT // max(along, 1))
    cell = max(_SMALLEST_CELL, min(_LARGEST_CELL, room))
    left = 44 + 7 * max((len(_short(level.label)) for level in shown.rows), default=0)
    lines = sum(m.place is not None for m in marks) + bool(shown.thin())
    bottom = _BELOW + _LEGEND_LINE * lines
    width = max(left + across * cell + _RIGHT, 360)
    return Size(cell, left, width, _TOP + along * cell + bottom, bottom)


def grid_figure(shown: Grid, marks: Sequence[Mark], look: Look) -> dict[str, Any]:
    """The heat map as Plotly reads it.

    Args:
        shown: the grid.
        marks: sets to point out; those without a cell have no symbol.
        look: its colours.
    """
    sizes = size(shown, marks)
    stops = list(look.sequential if shown.centre is None else look.diverging)
    if shown.direction == "min":
        stops = [(1.0 - at, colour) for at, colour in reversed(stops)]
    data = [_heat(shown, marks, sizes, stops), *_hatched(shown)]
    if sizes.numbers:
        data.append(_numbers(shown, sizes, stops))
    data += _symbols(marks, sizes, look)
    return {"data": data, "layout": _layout(shown, sizes, look.ink)}


Stops = Sequence[tuple[float, str]]


def _heat(shown: Grid, marks: Sequence[Mark], sizes: Size, stops: Stops) -> dict[str, Any]:
    low, high = shown.span()
    tried = set(shown.tried())
    places = [[(x, y) for x in range(len(shown.columns))] for y in range(len(shown.rows))]
    return {
        "type": "heatmap",
        "x": list(range(len(shown.columns))),
        "y": list(range(len(shown.rows))),
        "z": [list(row) for row in shown.value],
        "zmin": low,
        "zmax": high,
        "colorscale": [list(stop) for stop in _part(stops, shown)],
        "customdata": [
            [_html(hover_text(shown, at, marks)) if at in tried else "" for at in row]
            for row in places
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {
            "title": {"text": _better(shown), "side": "right"},
            "thickness": 12,
            "lenmode": "pixels",
            "len": max(len(shown.rows) * sizes.cell, 130),
            "y": 1,
            "yanchor": "top",
            "outlinewidth": 0,
            "tickformat": ".1%" if shown.unit == "fraction" else "",
        },
    }


def _numbers(shown: Grid, sizes: Size, stops: Stops) -> dict[str, Any]:
    """The values in their cells, above the hatching, each in what is read on its cell's colour."""
    low, high = shown.limits()
    places = shown.tried()
    values = [shown.value[y][x] or 0.0 for x, y in places]
    return {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "text": [_cell_text(shown, place, sizes) for place in places],
        "textfont": {
            "size": 13 if sizes.counts else 11,
            "color": [text_on(stops, (value - low) / (high - low)) for value in values],
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }


def text_on(stops: Stops, at: float) -> str:
    """Black or white, whichever is read on the colour at a place (0 to 1) of a scale."""
    return _readable(_colour(stops, at))


def _part(stops: Stops, shown: Grid) -> list[tuple[float, str]]:
    """The part of a scale that the values of a grid need, as a scale of its own."""
    (low, high), (first, last) = shown.limits(), shown.span()
    start, end = ((edge - low) / (high - low) for edge in (first, last))
    inner = [(at, colour) for at, colour in stops if start < at < end]
    part = [(start, _hex(_colour(stops, start))), *inner, (end, _hex(_colour(stops, end)))]
    return [((at - start) / (end - start), colour) for at, colour in part]


def _colour(stops: Stops, at: float) -> list[float]:
    """Red, green and blue (0 to 1) at a place of a scale, between its stops in equal steps."""
    at = min(max(at, 0.0), 1.0)
    for (start, before), (end, after) in pairwise(stops):
        if at <= end:
            share = (at - start) / (end - start)
            pairs = zip(_channels(before), _channels(after), strict=True)
            return [a + share * (b - a) for a, b in pairs]
    return _channels(stops[-1][1])


def _channels(colour: str) -> list[float]:
    return [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def _hex(channels: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in channels)


def _readable(channels: Sequence[float]) -> str:
    """By relative luminance (WCAG 2): where black and white are read equally well it is 0.18."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#111111" if luminance > 0.18 else "#ffffff"


_DIAGONALS: Final = (
    ((-0.47, -0.12), (0.12, 0.47)),
    ((-0.47, -0.47), (0.47, 0.47)),
    ((-0.12, -0.47), (0.47, 0.12)),
)


def _hatched(shown: Grid) -> list[dict[str, Any]]:
    """Three diagonal lines over each cell with few windows."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for x, y in shown.thin():
        for (x0, y0), (x1, y1) in _DIAGONALS:
            xs += [x + x0, x + x1, None]
            ys += [y + y0, y + y1, None]
    if not xs:
        return []
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


def _symbols(marks: Sequence[Mark], sizes: Size, look: Look) -> list[dict[str, Any]]:
    """A symbol in the upper corner of its cell, on a white disc: seen on every colour."""
    found: list[dict[str, Any]] = []
    diameter = max(9, min(16, sizes.cell // 4))
    for k, mark in enumerate(marks):
        if mark.place is None:
            continue
        seen = look.marks.get(mark.name, _PLAIN_MARK)
        x, y = mark.place
        place = {"x": [x + (0.36 if k % 2 == 0 else -0.36)], "y": [y + 0.36]}
        disc = {"size": diameter + 5, "color": "#ffffff", "line": {"color": "#333333", "width": 1}}
        symbol = {"symbol": seen["symbol"], "size": diameter, "color": seen["color"]}
        common: dict[str, Any] = {
            "type": "scatter",
            "mode": "markers",
            "hoverinfo": "skip",
            **place,
        }
        found += [
            {**common, "marker": disc, "showlegend": False},
            {**common, "marker": symbol, "name": _html(mark.name)},
        ]
    return found


def _layout(shown: Grid, sizes: Size, ink: str) -> dict[str, Any]:
    columns = [level.label for level in shown.columns]
    rows = [level.label for level in shown.rows] if shown.q is not None else [""]
    return {
        "width": sizes.width,
        "height": sizes.height,
        "margin": {"l": sizes.left, "r": _RIGHT, "t": _TOP, "b": sizes.bottom},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink, "size": 13},
        "hoverlabel": {"align": "left"},
        "xaxis": {
            **_axis(shown.p, columns, sizes.cell),
            "constrain": "domain",
            "constraintoward": "left",
        },
        "yaxis": {
            **_axis(shown.q or "", rows, sizes.cell),
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "top",
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
        "title": {"text": _html(_short(name)), "standoff": 8},
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [_html(_short(label)) for label in labels],
        "range": [-0.5, len(labels) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 12 if cell >= 24 else 9},
        "fixedrange": True,
    }


def _cell_text(shown: Grid, place: Place, sizes: Size) -> str:
    x, y = place
    text = score_text(shown.value[y][x], shown.unit, 2 if sizes.counts else 1)
    if shown.clear(place):
        text = f"<b>{text}</b>"
    if sizes.counts:
        text += f"<br><span style='font-size:10px'>n {shown.n_windows[y][x]:,}</span>"
    return text


def _better(shown: Grid) -> str:
    return "more is better" if shown.direction == "max" else "less is better"


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _html(text: str) -> str:
    """Text from data for Plotly, which reads tags; line ends become its own."""
    return escape(text, quote=False).replace("\n", "<br>")
