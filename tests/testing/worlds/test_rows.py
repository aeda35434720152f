"""The fast part of the laboratory: few worlds of a row, and wider bounds for so few.

`make worlds` draws a hundred of each and holds them to what is wanted.
"""

from __future__ import annotations

from functools import cache

import pytest

from tradingkb.testing.worlds.row import Wanted
from tradingkb.testing.worlds.run import Result, run_row


@cache
def measured(name: str, repeats: int) -> Result:
    return run_row(name, repeats)


COVERS = Wanted("covers", 0.6)
SAME = Wanted("same_answer", 1.0)

ROWS = [
    ("noise:measured regime", 12, Wanted("covers", 0.7)),
    ("noise:measured regime", 12, Wanted("pbo", 0.25, 0.75)),
    ("sparse:2 to 5 of 20", 40, Wanted("covers", 0.75)),
    ("placebo:own 40 quarters", 20, Wanted("regret_change", high=0.1)),
    ("copies:every trial twice", 1, SAME),
    ("rolling:12 months", 16, COVERS),
    # Ten years hold four blocks of such windows: the PBO of one world says little.
    ("rolling:12 months", 16, Wanted("pbo", 0.25, 0.75)),
    ("levels:symbol 0.5 known", 6, COVERS),
    ("levels:symbol 0.5 unseen", 2, Wanted("wider", 1.0)),
    ("wild:three times", 2, Wanted("holds", 0.65, 0.95)),
    ("busy:40 quarters", 2, Wanted("regret", high=0.2)),
    ("rare:steep 40 quarters", 3, Wanted("right", 0.5)),
    ("independent:40 quarters", 6, Wanted("excess", high=0.02)),
    ("regime:own 40 quarters", 4, Wanted("right", 0.75)),
    ("outliers:2 % of windows", 1, Wanted("moved", high=0.3)),
    ("outliers:one of 1e+15", 1, Wanted("moved", high=0.3)),
    ("outliers:one of 1e+160", 1, Wanted("raised", high=0.0)),
    ("copies:few trials twice", 1, SAME),
    ("copies:lucky windows", 1, SAME),
    ("hopeless:one more set", 2, Wanted("dsr_moved", high=0.05)),
]


@pytest.mark.parametrize(("name", "repeats", "wanted"), ROWS, ids=str)
def test_a_few_worlds_of_a_row_give_what_is_wanted(name: str, repeats: int, wanted: Wanted) -> None:
    found = measured(name, repeats)
    assert found.met(wanted), f"{wanted}: {found.means.get(wanted.figure)}"
