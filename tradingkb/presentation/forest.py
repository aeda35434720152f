"""A forest plot in table cells: values and intervals of several rows on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Option
from tradingkb.presentation.markup import num

_WIDTH: Final = 190
_HEIGHT: Final = 20
_EDGE: Final = 6


@dataclass(frozen=True)
class Scale:
    """The range that all rows share, in the objective's unit."""

    low: float
    high: float

    def x(self, value: float) -> str:
        """Position in pixels, one decimal: the same text on every platform."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_EDGE + share * (_WIDTH - 2 * _EDGE):.1f}"


def make_scale(rows: Sequence[Option]) -> Scale | None:
    """A scale over all values and intervals, with zero in sight; None without any value."""
    keys = ("value", "low", "high")
    known = [v for row in rows for key in keys if (v := row.value(key)) is not None]
    if not known:
        return None
    low, high = min(0.0, *known), max(0.0, *known)
    return Scale(low, high) if high > low else None


def forest_row(row: Option, scale: Scale, *, strong: bool) -> str:
    """One row's point and interval; the numbers stand beside it, so it is hidden from readers."""
    value, low, high = (row.value(key) for key in ("value", "low", "high"))
    middle = _HEIGHT / 2
    parts = [_zero(scale, 0, _HEIGHT)]
    if low is not None and high is not None:
        parts.append(
            f'<line x1="{scale.x(low)}" x2="{scale.x(high)}" y1="{middle:g}" y2="{middle:g}" '
            f'stroke="currentColor" stroke-width="{4 if strong else 2}" '
            f'stroke-opacity="{0.55 if strong else 0.45}" stroke-linecap="round"/>'
        )
    if value is not None:
        fill = "currentColor" if strong else "none"
        parts.append(
            f'<circle cx="{scale.x(value)}" cy="{middle:g}" r="4.5" fill="{fill}" '
            f'stroke="currentColor" stroke-width="1.5"/>'
        )
    return _svg(parts, _HEIGHT)


def forest_axis(scale: Scale, unit: str) -> str:
    """The scale's ends and zero, as the column's head."""
    anchors = {"start": scale.low, "end": scale.high}
    ends = [_text(scale.x(v), anchor, fmt.score(v, unit)) for anchor, v in anchors.items()]
    far = all(abs(v) > 0.25 * (scale.high - scale.low) for v in anchors.values())
    return _svg([*ends, _text(scale.x(0.0), "middle", "0") if far else ""], 13)


def _text(x: str, anchor: str, shown: str) -> str:
    return (
        f'<text x="{x}" y="11" text-anchor="{anchor}" font-size="11" fill="currentColor">'
        f"{num(shown)}</text>"
    )


def _zero(scale: Scale, top: float, bottom: float) -> str:
    x = scale.x(0.0)
    return (
        f'<line x1="{x}" x2="{x}" y1="{top:g}" y2="{bottom:g}" stroke="currentColor" '
        'stroke-opacity=".4" stroke-dasharray="2 2"/>'
    )


def _svg(parts: Sequence[str], height: int) -> str:
    return (
        f'<svg width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )
