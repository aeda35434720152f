"""Windows and questions as text, for embedders that read text: one form for both.

Only markets are described: a search returns windows, whose trials share them, and a question knows
no parameters.

A language model is a poor judge of numbers: 0.21 is as far from 0.2 as from 0.9 to it. So each
feature has four phrases of its own, two for values below what is usual and two for values above;
what is usual is not said. Further out both phrases of a direction are said, so that two texts share
the more phrases the nearer their features are. Phrases of different features have no word such as
"high" in common, which would make a volatile market like a trending one.

The form was chosen by what the ten nearest windows lose with all-MiniLM-L6-v2 (0 exact search, 1
chance, see `tradingkb.indexing.neighbours`; 95 % intervals): on the 84 windows of the sample, and
then on 120 daily windows of 40 other instruments, on which nothing had been chosen.

    form                                       sample                others
    numbers, after the tags                    0.72 (0.43 to 1.00)   0.68 (0.60 to 0.75)
    words of one scale ("rsi very high")       0.66 (0.40 to 0.92)   0.67 (0.58 to 0.76)
    this one                                   0.47 (0.30 to 0.63)   0.43 (0.36 to 0.50)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tradingkb.domain.regime import Regime, Side

#: Which form texts have; part of what every embedder that reads them calls its pipeline, because
#: vectors of another form are not to be compared with these. Every change below makes a new one.
TEXT_FORM: Final = "window-text-1"


@dataclass(frozen=True)
class Wording:
    """How a feature is said.

    Attributes:
        below: at or below the first value the first two phrases are said, at or below the second
            one the second alone.
        above: at or above the first value the third phrase is said, at or above the second one
            the fourth, too.
        phrases: from very low to very high.
    """

    below: tuple[float, float]
    above: tuple[float, float]
    phrases: tuple[str, str, str, str]

    def of(self, value: float) -> tuple[str, ...]:
        """What is said of a value; nothing where it is usual."""
        much_less, less, more, much_more = self.phrases
        if value <= self.below[1]:
            return (much_less, less) if value <= self.below[0] else (less,)
        if value >= self.above[0]:
            return (more, much_more) if value >= self.above[1] else (more,)
        return ()


#: Values near the quantiles 0.07, 0.31, 0.69 and 0.93 of 629 windows of 18 symbols, daily, hourly
#: and of 5 minutes, before and during their scored part: fixed, so that a text stays what it is
#: when a workspace grows. Scaled by each workspace's own windows they lost no less.
WORDINGS: Final[Mapping[str, Wording]] = {
    "atr_pct": Wording(
        (0.004, 0.01),
        (0.02, 0.04),
        ("tiny ranges", "small ranges", "large ranges", "enormous ranges"),
    ),
    "volatility_annual": Wording(
        (0.1, 0.17), (0.32, 0.75), ("dead calm", "quiet", "volatile", "extremely turbulent")
    ),
    "volatility_ratio": Wording(
        (0.55, 0.75),
        (1.0, 1.4),
        ("rapidly calming down", "calming down", "heating up", "exploding volatility"),
    ),
    "volatility_of_volatility": Wording(
        (0.17, 0.23),
        (0.34, 0.5),
        ("uniform activity", "even activity", "uneven activity", "bursts and shocks"),
    ),
    "bb_width": Wording(
        (0.015, 0.04),
        (0.1, 0.2),
        ("squeezed bands", "narrow bands", "wide bands", "gaping bands"),
    ),
    "efficiency_ratio": Wording(
        (0.01, 0.04),
        (0.1, 0.19),
        ("aimless drifting", "meandering", "directed", "straight line move"),
    ),
    "efficiency_ratio_20": Wording(
        (0.17, 0.21), (0.25, 0.3), ("choppy noise", "choppy", "clean swings", "very smooth swings")
    ),
    "trend_strength": Wording(
        (0.05, 0.25), (0.7, 0.9), ("no trend", "weak trend", "strong trend", "relentless trend")
    ),
    "trend_direction": Wording(
        (-0.7, -0.1), (0.5, 0.85), ("steep downtrend", "downtrend", "uptrend", "steep uptrend")
    ),
    "drift": Wording(
        (-1.2, -0.2),
        (0.8, 1.8),
        ("bear market crash", "losing money", "gaining money", "bull market boom"),
    ),
    "zscore": Wording(
        (-1.9, -0.5), (1.1, 2.0), ("just plunged", "dipped", "popped", "just spiked")
    ),
    "rsi": Wording(
        (34.0, 47.0),
        (59.0, 71.0),
        ("deeply oversold", "oversold", "overbought", "deeply overbought"),
    ),
    "adx": Wording(
        (19.0, 23.0),
        (27.0, 32.0),
        ("directionless", "little directional", "directional", "powerfully directional"),
    ),
    "autocorrelation_1": Wording(
        (-0.19, -0.07),
        (0.01, 0.09),
        ("strongly reversing", "reversing", "persistent", "strongly persistent"),
    ),
    "max_drawdown_frac": Wording(
        (0.03, 0.08),
        (0.18, 0.4),
        (
            "no losses from the peak",
            "shallow drawdown",
            "deep drawdown",
            "devastating drawdown",
        ),
    ),
    "range_position": Wording(
        (0.1, 0.4), (0.83, 0.98), ("at the bottom", "near the lows", "near the highs", "at the top")
    ),
}
_USUAL: Final = "ordinary"


def window_text(before: Regime | None, during: Regime | None) -> str:
    """What a window's market was like, one line per known side; empty where nothing is known."""
    return "\n".join(filter(None, (query_text(before, "before"), query_text(during, "during"))))


def query_text(regime: Regime | None, side: Side) -> str:
    """What a market is like that windows are compared with on one side; empty where not known."""
    if regime is None or not regime.features:
        return ""
    return f"market {side}: {', '.join(_phrases(regime)) or _USUAL}"


def _phrases(regime: Regime) -> Iterator[str]:
    for name, wording in WORDINGS.items():
        if name in regime.features:
            yield from wording.of(regime.features[name])
