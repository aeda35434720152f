"""The exact search: the nearest windows among those in which a trial may nominate."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from tests.recommend.worlds import MARKET, START, USUAL, findings, sweep, window
from tests.small_store import regime
from tradingkb.domain import Regime
from tradingkb.recommend.judging import ExactSearch
from tradingkb.recommend.judging.nominate import filter_trials
from tradingkb.recommend.known import Context

#: Volatilities are 0.1, 0.2, ..., 0.8, 0.1, 0.2 by window: by their logarithm, in this order these
#: lie nearest to MARKET's 0.3 (windows 1 and 9 equally so).
NEAREST = (2, 3, 1, 9, 4)


def found_windows(c: Context, limit: int) -> list[int]:
    similarity = ExactSearch(limit)(c, filter_trials(c)).similarity
    assert similarity is not None
    return np.flatnonzero(np.isfinite(similarity)).tolist()


@pytest.mark.parametrize("limit", range(1, 6))
def test_the_nearest_windows_are_found_and_no_more_than_asked_for(limit: int) -> None:
    assert found_windows(USUAL.context(), limit) == sorted(NEAREST[:limit])


def test_the_market_itself_is_found_first_with_similarity_one() -> None:
    c = USUAL.context()
    similarity = ExactSearch(1)(c, filter_trials(c)).similarity
    assert similarity is not None
    assert found_windows(c, 1) == [2]
    assert similarity[2] == pytest.approx(1.0)


def test_a_window_in_which_nothing_may_nominate_takes_no_place() -> None:
    world = USUAL.but(window(2), max_drawdown_frac_oos=0.9)
    c = world.context()
    assert 2 not in found_windows(c, 3)
    assert len(found_windows(c, 3)) == 3


def test_among_equally_near_windows_the_first_by_key_are_found() -> None:
    same = regime(0.3)
    c = sweep(6, {5: 0.0, 20: 1.0}).but(regime_is=same, regime_oos=same).context()
    assert found_windows(c, 4) == [0, 1, 2, 3]


def test_a_window_without_any_regime_is_not_found() -> None:
    c = USUAL.but(window(3), regime_is=None, regime_oos=None).context()
    assert found_windows(c, 99) == [w for w in range(10) if w != 3]


def test_nothing_to_compare_is_said_instead_of_an_empty_neighbourhood() -> None:
    """Windows that may nominate have no regime, and those with one may not nominate."""
    world = USUAL.but(window(0), max_drawdown_frac_oos=0.9)
    world = world.but(~window(0), regime_is=None, regime_oos=None)
    found = findings(world.context()).found
    assert (found.similarity, found.reason) == (None, "collection_empty")
    assert found.detail == "no window known by then has a regime"


def test_a_measured_market_is_compared_with_what_came_before_a_stated_one_with_what_came() -> None:
    calm, wild = regime(0.1), regime(0.8)
    world = USUAL.but(regime_is=calm, regime_oos=wild).but(window(0), regime_is=wild)
    world = world.but(window(1), regime_oos=calm)
    features = {"volatility_annual": 0.1, "atr_pct": 0.005}
    measured = world.context(regime=Regime(features=features))
    stated = world.context(regime=Regime.stated(features=features))
    assert 0 not in found_windows(measured, 9)
    assert found_windows(stated, 1) == [1]


def test_windows_that_became_known_later_are_not_searched() -> None:
    c = USUAL.context(regime=MARKET, as_of=START + timedelta(days=91 * 3))
    assert found_windows(c, 99) == [0, 1, 2]
