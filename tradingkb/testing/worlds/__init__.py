"""A laboratory of known truth: worlds of trials that are drawn, and what answers are worth in them.

python -m tradingkb.testing.worlds --only rolling --repeats 20     # or `make worlds ARGS=...`

`memory` holds trials as the pure steps of an answer see them, `scene` and `features` draw windows,
luck and regimes, `noise`, `better` and `changed` have the rows, `case` measures an answer against
the truth, `run` takes means and `table` prints them. A row is a name, a function from a NumPy
generator to a `Case`, and what is wanted of the means of its figures: another line at the end of
one of the three modules of rows is all that a new one needs.
"""

from tradingkb.testing.worlds.memory import (
    COLUMNS,
    CONFIG,
    MARKET,
    NOW,
    SPACE,
    START,
    TARGET,
    World,
    findings,
    question,
)

__all__ = [
    "COLUMNS",
    "CONFIG",
    "MARKET",
    "NOW",
    "SPACE",
    "START",
    "TARGET",
    "World",
    "findings",
    "question",
]
