"""Windows and questions as text, for embedders that read text: one form for both.

Only markets are described: a search returns windows, whose trials share them, and a question knows
no parameters.
"""

from __future__ import annotations

from typing import Final

from tradingkb.domain.regime import Regime, Side

#: Which form texts have; part of what every embedder that reads them calls its pipeline, because
#: vectors of another form are not to be compared with these.
TEXT_FORM: Final = "window-text-1"


def window_text(before: Regime | None, during: Regime | None) -> str:
    """What a window's market was like, one line per known side; empty where nothing is known."""
    sides = (_side("before", before), _side("during", during))
    return "\n".join(line for line in sides if line)


def query_text(regime: Regime, side: Side) -> str:
    """A question's market in the same words as a window's on that side."""
    return _side(side, regime)


def _side(side: Side, regime: Regime | None) -> str:
    if regime is None or not regime.features:
        return ""
    numbers = ", ".join(f"{name} {value:.3g}" for name, value in regime.features.items())
    return f"market {side}: {', '.join(regime.tags) or 'no tag'}; {numbers}"
