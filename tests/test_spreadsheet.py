"""No cell of a file is run by a spreadsheet, and a file that comes back is what it was."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.spreadsheet import as_cells, as_names, from_cells

CELL = st.none() | st.text(st.sampled_from("=+-@'\t\r\n ,\"1.eEx\uff1d\u00e9"), max_size=6)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" \t=1", "' \t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("-0.5", "-0.5"),
        ("+1e-5", "+1e-5"),
        ("EUR=X", "EUR=X"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
def test_a_text_that_would_be_run_is_a_text_and_a_number_stays_one(text: str, cell: str) -> None:
    frame = pl.DataFrame({"symbol": [text]})
    assert as_cells(frame)["symbol"].to_list() == [cell]
    assert as_names([text]) == [cell]


@given(st.lists(CELL, max_size=6), st.lists(CELL.filter(bool), min_size=1, max_size=3, unique=True))
def test_a_table_comes_back_as_it_was(cells: list[str | None], names: list[str]) -> None:
    frame = pl.DataFrame({name: pl.Series(cells, dtype=pl.String) for name in names})
    frame = frame.with_columns(pl.lit(-5).alias("n"))
    assert from_cells(as_cells(frame)).equals(frame)


@given(CELL.filter(bool))
def test_no_cell_and_no_name_begins_with_what_is_run(text: str) -> None:
    written = as_cells(pl.DataFrame({text: [text]}))
    for cell in (written.columns[0], written.item()):
        first = cell.strip("\t\r\n ")[:1]
        assert first not in ("=", "@", "\uff1d")
        assert first not in ("+", "-") or float(cell) is not None
