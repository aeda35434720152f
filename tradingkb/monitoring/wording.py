"""Numbers as an operator reads them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A fraction as a whole number of percent."""
    return f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """Seconds in the unit that gives a small number above one."""
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
