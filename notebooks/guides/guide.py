"""What the guides share: the sample, tables that are rounded, and charts as plain SVG.

A Plotly figure is not shown where a notebook is read without being run, and its text changes with
Plotly. These charts need no script, and the same numbers give the same text on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs
from IPython.display import HTML, SVG, display

import tradingkb as tkb

DATA = Path("../../data")
PRICES = DATA / "ohlcv"
AAPL = PRICES / "AAPL_1d.parquet"

pl.Config.set_tbl_hide_column_data_types(True).set_tbl_hide_dataframe_shape(True)
pl.Config.set_fmt_str_lengths(100).set_tbl_rows(30).set_tbl_cols(14).set_tbl_width_chars(120)
pl.Config.set_fmt_table_cell_list_len(5)

INK, GREY, BLUE, ORANGE, GREEN = "#222222", "#888888", "#1f6fb2", "#d9730d", "#1a7f37"
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 24, 44, 46


def sample(*strategies: str) -> pl.DataFrame:
    """The sample trials of some strategies; of all six where none is named."""
    trials = pl.read_parquet(DATA / "trials.parquet")
    return trials.filter(pl.col("strategy_name").is_in(strategies)) if strategies else trials


def card(answer: Any) -> None:
    """Shows what a cell shows that ends in `answer`."""
    display(HTML(answer._repr_html_()))


def table(frame: Any, digits: int = 2) -> pl.DataFrame:
    """A frame with rounded numbers: their last digits may differ from machine to machine."""
    rows = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame, strict=False)
    return rows.with_columns(cs.float().round(digits), cs.datetime().dt.date())


def refused(call: Callable[[], Any]) -> None:
    """Prints the error that a call raises. A call that does not raise is an error here."""
    try:
        call()
    except tkb.TradingKBError as error:
        print(f"{type(error).__name__}: {error}")
    else:
        raise AssertionError("this call should have been refused")


def intervals(
    rows: Iterable[tuple[str, float, float, float]], title: str, unit: str, digits: int = 2
) -> SVG:
    """A value with its interval per row: (label, value, low, high)."""
    rows = list(rows)
    x = _Axis([v for _, *numbers in rows for v in (*numbers, 0.0)], _LEFT, 720 - _RIGHT)
    height = _TOP + 34 * len(rows) + _BOTTOM
    parts = [x.across(_TOP, height - _BOTTOM, unit)]
    for n, (label, value, low, high) in enumerate(rows):
        y, colour = _TOP + 17 + 34 * n, BLUE if n == 0 else GREY
        parts += [
            _text(_LEFT - 10, y + 4, label, anchor="end"),
            _line(x(low), y, x(high), y, colour, 3),
            _dot(x(value), y, colour, 6),
            _text(x(value), y - 10, f"{value:+.{digits}f}", anchor="middle", size=11),
        ]
    return _drawing(parts, title, 720, height)


def bars(rows: Iterable[tuple[str, float]], title: str, unit: str, digits: int = 0) -> SVG:
    """A bar per row: (label, value)."""
    rows = list(rows)
    x = _Axis([0.0, *(v for _, v in rows)], _LEFT, 720 - _RIGHT - 40)
    height = _TOP + 28 * len(rows) + _BOTTOM
    parts = [x.across(_TOP, height - _BOTTOM, unit)]
    for n, (label, value) in enumerate(rows):
        y, left = _TOP + 4 + 28 * n, min(x(0), x(value))
        end, anchor = (x(value) + 5, "start") if value >= 0 else (x(0) + 5, "start")
        parts += [
            _text(_LEFT - 10, y + 14, label, anchor="end"),
            f'<rect x="{left:.1f}" y="{y}" width="{abs(x(value) - x(0)):.1f}" height="19" '
            f'fill="{BLUE}"/>',
            _text(end, y + 14, f"{value:,.{digits}f}", anchor=anchor, size=11),
        ]
    return _drawing(parts, title, 720, height)


def windows(rec: tkb.Recommendation, title: str, unit: str) -> SVG:
    """Every window that tried the recommended parameters, and what they are expected to earn."""
    frame, left, height = rec.evidence.sort("end"), 70, 380
    years = [d.year + (d.timetuple().tm_yday - 1) / 365.25 for d in frame["end"]]
    x = _Axis(years, left, 720 - _RIGHT)
    y = _Axis(frame["objective"].to_list(), height - _BOTTOM, _TOP)
    low, high, value = rec.expected.low, rec.expected.high, rec.expected.value
    parts = [
        f'<rect x="{left}" y="{y(high):.1f}" width="{720 - _RIGHT - left}" '
        f'height="{y(low) - y(high):.1f}" fill="{GREEN}" opacity="0.18"/>',
        x.across(_TOP, height - _BOTTOM, "end of the window (UTC)"),
        y.up(left, 720 - _RIGHT, unit),
        _line(left, y(value), 720 - _RIGHT, y(value), GREEN, 2),
    ]
    for at, earned, own in zip(years, frame["objective"], frame["own"], strict=True):
        parts.append(_dot(x(at), y(earned), ORANGE if own else BLUE, 4.5 if own else 3.5))
    return _drawing(parts, title, 720, height)


class _Axis:
    """Numbers to places, with round marks."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        low, high = min(values), max(values)
        span = (high - low) or 1.0
        rough = span / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        self.low, self.high = low - 0.04 * span, high + 0.04 * span
        self._first, self._last = first, last
        self._digits = max(0, -math.floor(math.log10(step) + 1e-9))
        ends = math.ceil(self.low / step), math.floor(self.high / step)
        self.marks = [n * step for n in range(ends[0], ends[1] + 1)]

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._first + share * (self._last - self._first)

    def across(self, top: float, bottom: float, unit: str) -> str:
        middle = (self._first + self._last) / 2
        parts = [_text(middle, bottom + 38, unit, anchor="middle")]
        for mark in self.marks:
            parts.append(_line(self(mark), top, self(mark), bottom, *_grid(mark)))
            parts.append(_text(self(mark), bottom + 17, self._said(mark), anchor="middle", size=11))
        return "".join(parts)

    def up(self, left: float, right: float, unit: str) -> str:
        middle = (self._first + self._last) / 2
        turned = f' transform="rotate(-90 16 {middle:.1f})"'
        parts = [_text(16, middle, unit, anchor="middle", more=turned)]
        for mark in self.marks:
            parts.append(_line(left, self(mark), right, self(mark), *_grid(mark)))
            parts.append(_text(left - 6, self(mark) + 4, self._said(mark), anchor="end", size=11))
        return "".join(parts)

    def _said(self, mark: float) -> str:
        return f"{mark + 0.0:.{self._digits}f}"


def _grid(mark: float) -> tuple[str, float]:
    return (GREY, 1) if mark == 0 else ("#dddddd", 1)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{INK}"{more}>{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )


def _dot(x: float, y: float, colour: str, radius: float) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" fill-opacity="0.75" '
        f'stroke="white" stroke-width="0.8"/>'
    )


def _drawing(parts: Iterable[str], title: str, width: int, height: int) -> SVG:
    """On white: a page that is dark shows it, too."""
    return SVG(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" role="img">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{width}" height="{height}" fill="white"/>'
        + _text(14, 24, title, size=14, more=' font-weight="bold"')
        + "".join(parts)
        + "</svg>"
    )
