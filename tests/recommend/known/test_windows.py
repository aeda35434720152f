"""Windows as arrays: their regimes on either side, tags, lengths and order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import START, USUAL, World, sweep, window
from tests.small_store import regime
from tradingkb.domain import FEATURES, Regime
from tradingkb.recommend.known.windows import Windows, make_windows, regime_facts, side_of

VOLATILITY = FEATURES.index("volatility_annual")
CALM, WILD = regime(0.1, ("low_volatility",)), regime(0.8, ("high_volatility", "downtrend"))


def windows(world: World) -> Windows:
    return make_windows(world.windows.sort("window_key"))


def one(**columns: Any) -> Windows:
    return windows(sweep(1, {5: 1.0}).but(**columns))


@pytest.mark.parametrize(
    ("before", "during", "seen", "measured"),
    [
        (CALM, WILD, (0.1, 0.8), (True, True)),
        (CALM, None, (0.1, 0.1), (True, False)),
        (None, WILD, (0.8, 0.8), (False, True)),
        (None, None, (None, None), (False, False)),
    ],
)
def test_a_side_that_was_not_measured_falls_back_to_the_other(
    before: str | None,
    during: str | None,
    seen: tuple[float | None, float | None],
    measured: tuple[bool, bool],
) -> None:
    found = one(regime_is=before, regime_oos=during)
    raw = [found.raw("before")[0, VOLATILITY], found.raw("during")[0, VOLATILITY]]
    assert [None if np.isnan(v) else v for v in raw] == list(seen)
    assert (found.own_before[0], found.own_during[0]) == measured


def test_only_measured_features_are_known() -> None:
    raw = one(regime_is=CALM).raw("before")
    assert raw.shape == (1, len(FEATURES))
    assert np.flatnonzero(np.isfinite(raw[0])).tolist() == sorted(
        FEATURES.index(name) for name in ("atr_pct", "volatility_annual")
    )


@pytest.mark.parametrize(
    ("asked", "covering", "overlap"),
    [
        (["high_volatility"], [False, True, False], [0.0, 0.5, 0.0]),
        (["high_volatility", "downtrend"], [False, True, False], [0.0, 1.0, 0.0]),
        (["downtrend", "low_volatility"], [False, False, False], [0.5, 1 / 3, 0.0]),
        (["uptrend"], [False, False, False], [0.0, 0.0, 0.0]),
        ([], [True, True, True], [0.0, 0.0, 0.0]),
    ],
)
def test_tags_are_covered_by_all_and_overlap_by_share(
    asked: list[str], covering: list[bool], overlap: list[float]
) -> None:
    world = sweep(3, {5: 1.0}).but(window(0), regime_oos=CALM).but(window(1), regime_oos=WILD)
    tags = windows(world.but(window(2), regime_is=None, regime_oos=None)).tags("during")
    assert tags.covering(asked).tolist() == covering
    assert tags.overlap(asked).tolist() == pytest.approx(overlap)
    assert tags.lists.to_list() == [["low_volatility"], ["downtrend", "high_volatility"], []]
    assert tags.names == ["downtrend", "high_volatility", "low_volatility"]


def test_each_side_has_its_own_tags() -> None:
    found = one(regime_is=CALM, regime_oos=WILD)
    assert found.tags("before").names == ["low_volatility"]
    assert found.tags("during").names == ["downtrend", "high_volatility"]


@pytest.mark.parametrize(
    ("dates", "quarter"),
    [
        ({}, 2010 * 4),
        ({"oos_start": datetime(2012, 6, 30)}, 2012 * 4 + 1),
        ({"oos_start": datetime(2012, 7, 1)}, 2012 * 4 + 2),
        ({"oos_start": None}, 2009 * 4),  # then the in-sample part was scored
        ({"oos_start": None, "is_start": None}, 2010 * 4 + 1),  # the end of the scored part
        (dict.fromkeys(("oos_start", "is_start", "oos_end", "is_end")), 0),
    ],
)
def test_a_window_lies_in_the_quarter_in_which_its_scored_part_begins(
    dates: dict[str, Any], quarter: int
) -> None:
    stated = {k: v.replace(tzinfo=START.tzinfo) if v else None for k, v in dates.items()}
    assert one(**stated).quarter.tolist() == [quarter]


def test_lengths_are_in_years_and_unknown_without_dates() -> None:
    known = one()
    assert known.years["oos"] == pytest.approx([90 / 365.25])
    assert known.years["is"] == pytest.approx([365 / 365.25])
    assert np.isnan(one(oos_end=None).years["oos"]).all()


def test_windows_are_numbered_by_key_and_ordered_by_time_of_the_scored_part() -> None:
    world = sweep(3, {5: 1.0}, symbol="B").plus(sweep(3, {5: 1.0}, symbol="A"))
    found = windows(world.plus(sweep(1, {5: 1.0}, symbol="A", timeframe="4h")))
    keys = found.frame["window_key"].to_list()
    assert keys == sorted(keys)
    assert {keys[place]: place for place in range(7)} == found.place_of
    in_time = [keys[i] for i in np.argsort(found.chronological)]
    first, second = (f"{START + timedelta(days=91 * w):%Y-%m-%d}" for w in range(2))
    assert in_time[:5] == [
        f"A:1d:{first}",
        f"A:4h:{first}",
        f"B:1d:{first}",
        f"A:1d:{second}",
        f"B:1d:{second}",
    ]


def test_a_scaler_knows_the_windows_it_is_fitted_on_and_no_others() -> None:
    found = windows(USUAL)
    half = np.arange(10) < 5
    alone = windows(sweep(5, {5: 1.0})).fit_scaler(np.ones(5, dtype=bool))
    assert found.fit_scaler(half) == alone
    assert found.fit_scaler(np.ones(10, dtype=bool)) != alone
    assert found.fit_scaler(np.zeros(10, dtype=bool)) is None
    assert one(regime_is=None, regime_oos=None).fit_scaler(np.ones(1, dtype=bool)) is None


@pytest.mark.parametrize(
    ("before", "during", "current"),
    [(1, 1, True), (0, 1, True), (1, 0, True), (0, 0, False)],
)
def test_a_window_is_of_the_current_schema_when_either_side_is(
    before: int, during: int, current: bool
) -> None:
    def of(version: int) -> str:
        return regime(0.3).replace('"schema_version": 1', f'"schema_version": {version}')

    assert one(regime_is=of(before), regime_oos=of(during)).current_schema.tolist() == [current]


def test_a_bare_window_is_of_no_schema() -> None:
    assert one(regime_is=None, regime_oos=None).current_schema.tolist() == [False]


def test_no_windows_at_all_have_shapes_too() -> None:
    found = windows(USUAL.only(pl.lit(False)))
    assert len(found) == 0
    assert found.raw("before").shape == (0, len(FEATURES))
    assert found.tags("before").overlap(["uptrend"]).shape == (0,)
    assert found.chronological.shape == (0,)


def test_a_measured_regime_is_what_came_before_a_stated_one_what_it_will_be_like() -> None:
    assert side_of(Regime(features={"volatility_annual": 0.3})) == "before"
    assert side_of(Regime.stated(features={"volatility_annual": 0.3})) == "during"


def test_tags_of_a_stored_regime_are_sorted() -> None:
    assert regime_facts(WILD).tags == ("downtrend", "high_volatility")
