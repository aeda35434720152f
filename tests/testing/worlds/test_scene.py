"""Windows that share dates share their luck, and every window's luck is of one size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tradingkb.testing.worlds import NOW
from tradingkb.testing.worlds.scene import HALF_YEARS, Calendar, Scene, quarters, stored

ROLLING = Calendar(n=300, step=1, length=12)


@pytest.mark.parametrize(
    "calendar", [HALF_YEARS, quarters(200), ROLLING, Calendar(90, 3, 5, "day")]
)
def test_the_last_window_ends_now(calendar: Calendar) -> None:
    dates = calendar.dates()
    assert len(dates) == calendar.n
    assert dates[-1][1] == NOW


def test_windows_of_months_begin_on_the_first_of_one() -> None:
    dates = HALF_YEARS.dates()
    assert dates[0] == (datetime(2014, 1, 1, tzinfo=UTC), datetime(2014, 7, 1, tzinfo=UTC))
    assert [start for start, _ in dates[1:]] == [end for _, end in dates[:-1]]


def test_luck_is_of_one_size_however_long_a_window_is() -> None:
    pieces = np.random.default_rng(1).normal(size=(ROLLING.n_pieces, 500))
    assert ROLLING.over(pieces).std() == pytest.approx(1.0, abs=0.02)


def test_windows_are_as_alike_as_the_dates_that_they_share() -> None:
    """Two windows of twelve months, three months apart, share nine of twelve."""
    pieces = np.random.default_rng(2).normal(size=(ROLLING.n_pieces, 500))
    luck = ROLLING.over(pieces)
    assert np.corrcoef(luck[:-3].ravel(), luck[3:].ravel())[0, 1] == pytest.approx(9 / 12, abs=0.02)
    assert np.corrcoef(luck[:-12].ravel(), luck[12:].ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_sets_and_symbols_share_what_the_dates_do() -> None:
    luck = replace(Scene(), calendar=quarters(400)).luck(np.random.default_rng(3))
    covariance = np.mean(luck[:, 0, 0] * luck[:, 5, 17])
    assert covariance == pytest.approx(0.25, abs=0.12)
    assert luck.var() == pytest.approx(1.25, abs=0.08)


def test_a_wild_symbol_is_so_many_times_as_wild() -> None:
    wild = np.array([3.0] + [1.0] * 7)
    calm, stormy = (Scene().luck(np.random.default_rng(4), times) for times in (1.0, wild))
    assert stormy[:, 0] == pytest.approx(3 * calm[:, 0])
    assert stormy[:, 1:] == pytest.approx(calm[:, 1:])


def test_every_score_becomes_a_trial_and_what_was_not_tried_none() -> None:
    scene = Scene(quarters(3), n_symbols=2, grid=(1, 2))
    scores = np.arange(12.0).reshape(3, 2, 2)
    scores[1, 0, 1] = np.nan
    rows = stored(scene, scores).rows
    assert rows.height == 11
    assert rows["source_id"].n_unique() == 11
    assert rows["window_key"].n_unique() == 6
    last = rows.row(-1, named=True)
    assert (last["symbol"], last["oos_end"], last["sharpe_oos"]) == ("S1", NOW, 11.0)
    assert last["params"] == scene.sets[1]
