"""What cannot be done is refused before anything is read or written."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.ingest.scopes import batch, incoming
from tradingkb.exceptions import InvalidOHLCVError, InvalidTrialError
from tradingkb.ingest.request import check_prices, refuse_bad_rows


def rejects(*rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": rows,
            "field": [f"field{n}" for n in rows],
            "message": [f"wrong {n}" for n in rows],
            "remedy": [f"mend {n}" for n in rows],
        }
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((4,), "wrong 4"),
        ((4, 4), "wrong 4"),
        ((4, 7), "wrong 4; 1 more rows are bad"),
        ((7, 4, 4, 9), "wrong 7; 2 more rows are bad"),
    ],
)
def test_the_first_problem_is_named_and_the_other_rows_are_counted(
    rows: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InvalidTrialError) as caught:
        refuse_bad_rows(batch(incoming("a"), rejects=rejects(*rows)))
    error = caught.value
    assert message in str(error)
    assert ("more rows" in str(error)) == ("more rows" in message)
    assert (error.row, error.field) == (rows[0], f"field{rows[0]}")
    assert error.remedy == f"mend {rows[0]}; nothing was written, strict=False takes the good rows"


def test_prices_that_do_not_exist_are_refused_by_name_and_others_are_left_to_the_reader(
    tmp_path: Path,
) -> None:
    for missing in (tmp_path / "none", str(tmp_path / "none")):
        with pytest.raises(InvalidOHLCVError, match="none does not exist") as caught:
            check_prices(missing)
        assert caught.value.field == "ohlcv"
    with pytest.raises(InvalidOHLCVError, match="does not exist"):
        check_prices("x" * 300)  # longer than a name can be
    for given in (None, tmp_path, str(tmp_path), pl.DataFrame(), {}):
        check_prices(given)
