"""The columns that filters compare."""

from __future__ import annotations

import polars as pl
import pytest

from tradingkb.derived import N_TRADES


@pytest.mark.parametrize(
    ("inside", "outside", "both"),
    [(3, 2, 5), (3, None, 3), (None, 2, 2), (None, None, None), (0, 0, 0), (None, 0, 0)],
)
def test_trades_of_both_samples_count_and_are_unknown_only_when_neither_is_known(
    inside: int | None, outside: int | None, both: int | None
) -> None:
    schema = {"n_trades_is": pl.Int64, "n_trades_oos": pl.Int64}
    frame = pl.DataFrame([{"n_trades_is": inside, "n_trades_oos": outside}], schema=schema)
    assert frame.select(N_TRADES)["n_trades"].item() == both
