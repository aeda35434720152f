from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.trades import few_trades_penalty


def test_few_trades_are_cheap_and_an_unknown_number_costs_the_average() -> None:
    assert few_trades_penalty(np.array([5.0, math.nan, 50.0, 5.0])).tolist() == pytest.approx(
        [1 / 3, 0.5, 5 / 6, 1 / 3]
    )
    assert few_trades_penalty(np.array([math.nan])).tolist() == [0.5]


@given(st.lists(st.integers(0, 40).map(float) | st.just(math.nan), min_size=1, max_size=12))
def test_the_penalty_of_few_trades_is_the_share_of_sets_with_fewer(n: list[float]) -> None:
    known = [v for v in n if not math.isnan(v)]
    for value, rank in zip(n, few_trades_penalty(np.array(n)), strict=True):
        if math.isnan(value):
            assert rank == 0.5
        else:
            less, equal = sum(o < value for o in known), sum(o == value for o in known)
            assert rank == (less + equal / 2) / len(known)
