"""Text from data in figures, and times and numbers as they are shown everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from dashboard.shared.text import shortened

#: What Plotly reads as markup or as the end of it.
_MEANS_SOMETHING: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def in_figure(text: str, longest: int = 40) -> str:
    """A name for a figure: Plotly reads some HTML in every text, and shows this as it is."""
    shown = shortened(" ".join(str(text).split()), longest)
    return "".join(_MEANS_SOMETHING.get(c, c) for c in shown)


def moment(text: str | datetime | None) -> datetime | None:
    """A time of a JSON form, aware UTC."""
    if text is None or isinstance(text, datetime):
        return text
    return datetime.fromisoformat(text).astimezone(UTC)


def clock(at: datetime, now: datetime) -> str:
    """A time to the minute, with its day where that is not today's; UTC."""
    shown = f"{at:%H:%M} UTC"
    return shown if at.date() == now.date() else f"{at:%Y-%m-%d} {shown}"


def span(seconds: float) -> str:
    """A length of time, in the largest unit that says enough."""
    seconds = max(seconds, 0.0)  # "now" is rounded down: what has just begun may be after it
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    shown = f"{seconds:.0f}"
    return f"{shown} second" if shown == "1" else f"{shown} seconds"


def percent(share: float | None) -> str:
    """A fraction as percent; a dash where there is none."""
    if share is None:
        return "–"
    shown = 100 * share
    return f"{shown:.1f} %" if 0 < shown < 10 else f"{shown:.0f} %"


def thousands(count: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,}".replace(",", " ")


def legend_below(plot: int) -> dict[str, Any]:
    """A legend below the two lines of a time axis, of a figure that is so many pixels high inside.

    Args:
        plot: pixels between the axes' ends.
    """
    return {"orientation": "h", "x": 0, "y": -48 / plot, "yanchor": "top", "itemsizing": "constant"}


def hatched(shape: str) -> dict[str, Any]:
    """A pattern upon a full colour, for those who do not tell the colours apart."""
    return {"shape": shape, "size": 6, "fillmode": "overlay", "fgcolor": "rgba(255,255,255,.65)"}
