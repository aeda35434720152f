"""In-sample against out-of-sample results of all trials as a density: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import polars as pl

from dashboard.views.grid_figure import Look
from dashboard.views.numbers import count

_SIDE: Final = 520
#: Colours of the diagonal, on light and on dark cells alike.
_DIAGONAL: Final = "#d55e00"
_CELL: Final = ("x_low", "x_high", "y_low", "y_high", "n")


def density_figure(report: Mapping[str, Any], unit: str, look: Look) -> dict[str, Any]:
    """The density as Plotly reads it, with the line on which both samples agree.

    Args:
        report: of `trial_density`: `cells` (x_low, x_high, y_low, y_high, n), x, y.
        unit: "fraction" shows percent.
        look: its colours.
    """
    cells: pl.DataFrame = report["cells"]
    across, along = _bins(cells, "x"), _bins(cells, "y")
    span = [min(across.start, along.start), max(across.end, along.end)]
    return {
        "data": [_heat(cells, across, along, unit, look), _diagonal(span)],
        "layout": _layout(report, span, unit, look.ink),
    }


def density_caption(report: Mapping[str, Any]) -> str:
    """How many trials are shown, how well in-sample orders out-of-sample, and what is not shown."""
    n = int(report["n"])
    parts = [count(n, "trial") + " with both values"]
    rank = report.get("rank_correlation")
    if rank is not None and math.isfinite(rank):
        parts.append(f"rank correlation {rank:+.2f} ({_strength(rank)})")
    else:
        parts.append("no rank correlation: it needs trials that differ")
    if missing := int(report.get("n_missing") or 0):
        parts.append(f"{count(missing, 'trial')} without one of the two")
    if outside := int(report.get("n_outside") or 0):
        parts.append(
            f"{count(outside, 'trial')} outside of the picture, counted in the correlation"
        )
    return "; ".join(parts) + "."


def _strength(rank: float) -> str:
    """What a rank correlation means for a choice by in-sample results, in words."""
    if rank < 0.1:
        return "in-sample results say next to nothing about out-of-sample ones"
    if rank < 0.3:
        return "in-sample results say little about out-of-sample ones"
    return "in-sample results say something about out-of-sample ones"


def density_table(report: Mapping[str, Any]) -> pl.DataFrame:
    """The same as rows, the fullest cell first."""
    cells: pl.DataFrame = report["cells"]
    return cells.select(_CELL).sort("n", descending=True)


@dataclass(frozen=True)
class _Bins:
    """The bins along one axis, the empty ones between too, or cells would be drawn too wide."""

    start: float
    width: float
    n: int

    @property
    def end(self) -> float:
        return self.start + self.n * self.width

    @property
    def middles(self) -> list[float]:
        return [self.start + (k + 0.5) * self.width for k in range(self.n)]

    def place(self, low: float) -> int:
        return min(max(round((low - self.start) / self.width), 0), self.n - 1)


def _bins(cells: pl.DataFrame, axis: str) -> _Bins:
    lows, highs = cells[f"{axis}_low"].to_list(), cells[f"{axis}_high"].to_list()
    start, width = min(lows), max(high - low for low, high in zip(lows, highs, strict=True))
    return _Bins(start, width or 1.0, max(round((max(highs) - start) / (width or 1.0)), 1))


def _heat(
    cells: pl.DataFrame, across: _Bins, along: _Bins, unit: str, look: Look
) -> dict[str, Any]:
    z: list[list[float | None]] = [[None] * across.n for _ in range(along.n)]
    text = [[""] * across.n for _ in range(along.n)]
    for x_low, x_high, y_low, y_high, n in cells.select(_CELL).rows():
        if n:
            i, j = along.place(y_low), across.place(x_low)
            z[i][j] = math.log10(n)
            text[i][j] = (
                f"{count(n, 'trial')}<br>in-sample {_span(x_low, x_high, unit)}"
                f"<br>out-of-sample {_span(y_low, y_high, unit)}"
            )
    most = max((v for line in z for v in line if v is not None), default=0.0)
    ticks = list(range(math.floor(most) + 1))
    return {
        "type": "heatmap",
        "x": across.middles,
        "y": along.middles,
        "z": z,
        "zmin": 0.0,
        "zmax": max(most, 1.0),
        "colorscale": [list(stop) for stop in look.sequential],
        "customdata": text,
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "name": "trials",
        "colorbar": {
            "title": {"text": "trials per cell", "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": ticks,
            "ticktext": [f"{10**k:,}" for k in ticks],
        },
    }


def _diagonal(span: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": span,
        "y": span,
        "line": {"color": _DIAGONAL, "width": 2, "dash": "dash"},
        "name": "out-of-sample as good as in-sample",
        "hoverinfo": "skip",
    }


def _layout(report: Mapping[str, Any], span: list[float], unit: str, ink: str) -> dict[str, Any]:
    axis = {
        "range": span,
        "zeroline": True,
        "tickformat": ".0%" if unit == "fraction" else "",
        "constrain": "domain",
        "automargin": True,
        "gridcolor": "rgba(128,128,128,.22)",
        "zerolinecolor": "rgba(128,128,128,.6)",
    }
    return {
        "height": _SIDE,
        "margin": {"l": 60, "r": 20, "t": 16, "b": 20},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": ink, "size": 13},
        "hoverlabel": {"align": "left"},
        "xaxis": {**axis, "title": {"text": _title(report["x"])}},
        "yaxis": {**axis, "title": {"text": _title(report["y"])}, "scaleanchor": "x"},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "showlegend": True,
    }


def _title(column: Any) -> str:
    return escape(METRIC_TITLES.get(str(column), str(column)), quote=False)


#: The metrics that both samples have, with how each reads and its unit.
METRICS: Final = {
    "sharpe": ("Sharpe ratio, annualised", "annualised"),
    "return_frac": ("return", "fraction"),
    "max_drawdown_frac": ("maximum drawdown", "fraction"),
    "win_rate": ("win rate", "fraction"),
    "profit_factor": ("profit factor", "ratio"),
}
METRIC_TITLES: Final = {
    f"{name}_{sample}": f"{title}, {word}"
    for name, (title, _) in METRICS.items()
    for sample, word in (("is", "in-sample"), ("oos", "out-of-sample"))
}


def _span(low: float, high: float, unit: str) -> str:
    if unit == "fraction":
        return f"{100 * low:.1f} % to {100 * high:.1f} %"
    return f"{low:.2f} to {high:.2f}"
