"""How two metrics of a strategy's trials lie together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError, UnknownStrategyError
from tradingkb.monitoring.density import count_fields, limits_of, rank_correlation

FLOATS = st.floats(-1e6, 1e6, allow_nan=False)
PAIRS = st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=50)


def count(pairs, bins):
    x, y = (np.array(values, dtype=np.float64) for values in zip(*pairs, strict=True))
    limits = (limits_of(x), limits_of(y))
    return count_fields((x, y), limits, bins), limits, (x, y)


@given(PAIRS, st.integers(1, 20))
def test_fields_hold_every_trial_within_the_limits_once(pairs, bins):
    cells, ((x_low, x_high), (y_low, y_high)), (x, y) = count(pairs, bins)
    inside = (x >= x_low) & (x <= x_high) & (y >= y_low) & (y <= y_high)
    assert cells["n"].sum() == inside.sum()
    for row in cells.to_dicts():
        assert row["n"] > 0
        assert x_low <= row["x_low"] < row["x_high"] <= x_high
        assert y_low <= row["y_low"] < row["y_high"] <= y_high
    assert cells.select("x_low", "y_low").is_unique().all()


def test_a_few_outliers_do_not_move_the_limits():
    x = np.concatenate([np.linspace(-1, 1, 1000), [1e9, -1e9]])
    low, high = limits_of(x)
    assert -1 <= low < -0.9
    assert 0.9 < high <= 1


def test_values_that_are_all_alike_get_one_field():
    cells, _, _ = count([(2.0, 3.0)] * 5, 4)
    assert cells["n"].to_list() == [5]
    assert rank_correlation(np.full(5, 2.0), np.arange(5.0)) is None


def test_where_most_are_alike_the_others_set_the_limits():
    assert limits_of(np.array([0.0] * 999 + [7.0])) == (0.0, 7.0)


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        ([1, 2, 3], [10, 20, 1e9], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 1, 2, 2], [1, 2, 1, 2], 0.0),
        ([1, 2, 2, 3], [1, 2, 3, 4], 0.9486832980505138),
        ([1, 2], [1, 2], None),
    ],
)
def test_the_correlation_is_of_ranks_and_ties_share_theirs(x, y, wanted):
    found = rank_correlation(np.array(x, float), np.array(y, float))
    assert found == (None if wanted is None else pytest.approx(wanted))


def test_trials_without_a_metric_are_told_apart_from_those_outside(the_sample: tkb.KnowledgeBase):
    told = the_sample.trial_density("default", "sma_cross", bins=10)
    rows = the_sample.trials(strategy_name="sma_cross")
    assert told.n + told.n_missing == rows.height
    assert told.n == rows.drop_nulls(["sharpe_is", "sharpe_oos"]).height
    assert told.n == told.cells["n"].sum() + told.n_outside
    assert told.n_outside <= 0.02 * told.n
    assert told.rank_correlation is not None
    assert told.to_dict()["cells"][0]["n"] > 0


def test_a_rejected_trial_is_in_no_field(sample: tkb.KnowledgeBase):
    before = sample.trial_density("default", "sma_cross").n
    ids = sample.trials(strategy_name="sma_cross", limit=1)["trial_id"].to_list()
    sample.reject(ids, reason="look-ahead")
    assert sample.trial_density("default", "sma_cross").n == before - 1


def test_the_same_metric_on_both_axes_is_a_diagonal(the_sample: tkb.KnowledgeBase):
    told = the_sample.trial_density("default", "sma_cross", "max_drawdown_oos", "max_drawdown_oos")
    assert told.x == told.y == "max_drawdown_frac_oos"
    assert told.rank_correlation == pytest.approx(1.0)
    assert told.cells["x_low"].equals(told.cells["y_low"].alias("x_low"))


def test_what_cannot_be_drawn_is_refused(the_sample: tkb.KnowledgeBase):
    with pytest.raises(InvalidInputError, match="sharpe_is"):
        the_sample.trial_density("default", "sma_cross", x="source_id")
    for bins in (0, 201, 2.5, True):
        with pytest.raises(InvalidInputError, match="1 to 200"):
            the_sample.trial_density("default", "sma_cross", bins=bins)
    with pytest.raises(UnknownStrategyError, match="sma_cross"):
        the_sample.trial_density("default", "sma_crss")


def test_a_strategy_without_trials_has_no_fields(open_kb):
    kb = open_kb()
    kb.register_strategy(tkb.StrategySpec("idle", (tkb.ParamSpec("n", "int", 1, 5),), "1"))
    told = kb.trial_density("default", "idle")
    assert (told.n, told.x_low, told.rank_correlation, told.cells.height) == (0, None, None, 0)
