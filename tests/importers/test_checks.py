"""Problems are collected for the rows at fault alone, however the source is laid out."""

from __future__ import annotations

import polars as pl
import pytest

from tradingkb.importers import checks
from tradingkb.importers.checks import Check, Problems
from tradingkb.importers.columns import ROW

ROWS = pl.concat(
    [pl.DataFrame({ROW: [i], "x": [i]}, schema_overrides={ROW: pl.UInt32}) for i in range(50)],
    rechunk=False,
)
ODD = Check(pl.col("x") % 2 == 1, "x", pl.format("{} is odd", "x"), "double it")
LARGE = Check(pl.col("x") >= 48, "x", "is large", "halve it")
NEVER = Check(pl.col("x") < 0, "x", "is negative", "")
UNKNOWN = Check(pl.lit(None, pl.Boolean), "x", "is unknown", "")


def test_texts_are_made_for_the_rows_at_fault_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    made = checks._problems

    def counted(rows: pl.DataFrame, check: Check) -> pl.DataFrame:
        seen.append((check.remedy, rows.height))
        return made(rows, check)

    monkeypatch.setattr(checks, "_problems", counted)
    problems = Problems()
    problems.add_all(ROWS, [ODD, LARGE, NEVER, UNKNOWN])
    assert seen == [("double it", 25), ("halve it", 2)]
    last = problems.frame().filter(pl.col(ROW) >= 48).select(ROW, "message").rows()
    assert last == [(48, "is large"), (49, "49 is odd"), (49, "is large")]


def test_problems_do_not_keep_the_chunks_of_their_source() -> None:
    assert ROWS.n_chunks() == 50
    problems = Problems()
    problems.add_all(ROWS, [ODD, LARGE])
    assert [part.n_chunks() for part in problems._found] == [1, 1]
    assert problems.among(ROWS).to_list() == [i % 2 == 1 or i >= 48 for i in range(50)]


def test_a_rule_that_says_the_same_of_every_row_is_said_of_every_row() -> None:
    problems = Problems()
    problems.add(ROWS, pl.lit(True), "x", "is wrong", "")
    assert problems.frame().height == 50
