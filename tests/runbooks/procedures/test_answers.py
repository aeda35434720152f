"""Fixed questions: which answers count as answered as before."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tradingkb.runbooks.procedures.answers import compare

USUAL: dict[str, Any] = {
    "strategy_name": "s",
    "symbol": None,
    "timeframe": "1d",
    "status": "ok",
    "params": '{"fast": 5}',
    "metadata_only": False,
    "reasons": "",
    "shown": ["a"],
}
WITHOUT = {"status": "degraded", "metadata_only": True}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({}, {}, True),
        ({}, {"shown": ["b"]}, True),
        ({}, {"params": '{"fast": 6}'}, False),
        ({}, {"status": "degraded"}, False),
        ({}, {"status": "error", "params": None}, False),
        (WITHOUT, {}, True),
        (WITHOUT, {"params": '{"fast": 6}'}, False),
        ({}, WITHOUT, False),
        (WITHOUT, WITHOUT, True),
        ({"status": "none", "params": "null"}, {"status": "none", "params": "null"}, True),
    ],
)
def test_an_answer_is_as_before_with_its_parameters_and_status_or_with_similarity_again(
    before: dict[str, Any], after: dict[str, Any], same: bool
) -> None:
    schema = {"shown": pl.List(pl.String), "symbol": pl.String}
    frames = [pl.DataFrame([{**USUAL, **one}], schema_overrides=schema) for one in (before, after)]
    table = compare(*frames)
    assert table["as_before"].to_list() == [same]
