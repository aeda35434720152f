"""Reading what a question says about the market: bars, a regime, a time, own results."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tests.recommend.asking.bars import FIRST, bars
from tests.recommend.worlds import MARKET, NOW
from tradingkb.domain import Market, Regime
from tradingkb.exceptions import InvalidInputError, InvalidRegimeError, InvalidTrialError
from tradingkb.recommend.asking.market import (
    GivenMarket,
    as_regime,
    checked_tags,
    read_own_trades,
)


def dated(days: int, **facts: Any) -> Regime:
    end = FIRST + timedelta(days=days)
    return Regime(features=dict(MARKET.features), end=end, **facts)


@pytest.mark.parametrize(
    ("given", "market"),
    [
        (GivenMarket(), Market()),
        (GivenMarket(symbol="X", timeframe="D"), Market(None, "X", "1d")),
        (GivenMarket(regime=MARKET), Market(MARKET)),
        (GivenMarket(regime=dated(0, symbol="X", timeframe="4h")), ("X", "4h")),
        (GivenMarket(regime=dated(0, symbol="X", timeframe="4h"), symbol="Y"), ("Y", "4h")),
        (GivenMarket(regime=dated(0, symbol="X"), timeframe="daily"), ("X", "1d")),
    ],
)
def test_what_is_said_of_the_instrument_comes_before_what_the_regime_says(
    given: GivenMarket, market: Market | tuple[str, str]
) -> None:
    found = given.read(None, NOW)
    if isinstance(market, Market):
        assert found == market
    else:
        assert (found.symbol, found.timeframe) == market
    assert found.warnings == found.notes == ()


def test_a_market_cannot_be_given_twice() -> None:
    with pytest.raises(InvalidInputError, match="both given"):
        GivenMarket(ohlcv=bars(), regime=MARKET).read(None, NOW)


@pytest.mark.parametrize(("days", "refused"), [(9, True), (10, False), (11, False)])
def test_a_measured_regime_that_ends_after_as_of_knows_the_future(days: int, refused: bool) -> None:
    given = GivenMarket(regime=dated(10))
    moment = FIRST + timedelta(days=days)
    if refused:
        with pytest.raises(InvalidInputError, match="after as_of"):
            given.read(moment, NOW)
    else:
        assert given.read(moment, NOW).regime == dated(10)


def test_what_a_user_states_may_be_about_any_time() -> None:
    stated = Regime.stated(tags=["uptrend"])
    assert GivenMarket(regime=stated).read(FIRST - timedelta(days=9999), NOW).regime == stated


def test_bars_after_as_of_are_left_out_and_that_is_said() -> None:
    moment = FIRST + timedelta(days=100)
    found = GivenMarket(ohlcv=bars(), symbol="X").read(moment, NOW)
    assert found.regime is not None
    assert found.regime.end is not None
    assert found.regime.end <= moment
    assert "ohlcv_cut_at_as_of" in found.warnings
    assert (found.kind, found.symbol, found.timeframe) == ("measured", "X", "1d")
    whole = GivenMarket(ohlcv=bars(), symbol="X").read(FIRST + timedelta(days=999), NOW)
    assert "ohlcv_cut_at_as_of" not in whole.warnings
    # What came later made no difference to what was measured.
    alone = GivenMarket(ohlcv=bars(400, scale=1.0), symbol="X").read(moment, NOW).regime
    assert alone == found.regime


def test_noon_of_a_day_does_not_know_its_close() -> None:
    day = FIRST + timedelta(days=100)
    crash = bars().with_columns(
        pl.when(pl.col("ts") == day).then(pl.col(c) * 0.5).otherwise(c).alias(c)
        for c in ("low", "close")
    )
    noon = day + timedelta(hours=12)
    found = [GivenMarket(ohlcv=frame).read(noon, NOW).regime for frame in (bars(), crash)]
    assert found[0] == found[1]
    evening = day + timedelta(days=1)
    assert GivenMarket(ohlcv=crash).read(evening, NOW).regime != found[0]


def test_without_as_of_bars_that_have_not_closed_are_left_out_and_named() -> None:
    now = FIRST + timedelta(days=119, hours=12)
    found = GivenMarket(ohlcv=bars(), symbol="X").read(None, now)
    assert found.warnings == ("ohlcv_unfinished",)
    assert found.notes == (
        "ohlcv_unfinished: the bar of 2020-04-29 00:00 UTC had not closed and is left out",
    )
    assert found.regime is not None
    assert found.regime.end == FIRST + timedelta(days=118)
    assert GivenMarket(ohlcv=bars()).read(None, FIRST + timedelta(days=120)).warnings == ()


@pytest.mark.parametrize(("hours", "refused"), [(23, True), (24, False)])
def test_a_regime_of_a_bar_that_closes_after_as_of_is_refused(hours: int, refused: bool) -> None:
    given = GivenMarket(regime=dated(10, timeframe="1d"))
    moment = FIRST + timedelta(days=10, hours=hours)
    if refused:
        with pytest.raises(InvalidInputError, match="closes after as_of"):
            given.read(moment, NOW)
    else:
        assert given.read(moment, NOW).regime == given.regime


def test_a_chart_without_a_clock_has_bars_of_no_length() -> None:
    given = GivenMarket(regime=dated(10, timeframe="renko"))
    assert given.read(FIRST + timedelta(days=10), NOW).timeframe == "renko"


def test_what_measuring_found_is_a_code_with_its_sentence() -> None:
    flat = bars().with_columns(pl.lit(100.0).alias(c) for c in ("open", "high", "low", "close"))
    found = GivenMarket(ohlcv=flat).read(None, NOW)
    assert "flat_prices" in found.warnings
    assert [note.split(":")[0] for note in found.notes] == list(found.warnings)


def test_a_regime_brings_its_warnings_along_as_the_bars_that_it_was_measured_on_do() -> None:
    """Asking with `ohlcv=`, or with what `kb.regime(ohlcv)` gave, has the same caveats."""
    flat = bars().with_columns(pl.lit(100.0).alias(c) for c in ("open", "high", "low", "close"))
    measured = GivenMarket(ohlcv=flat).read(None, NOW)
    given = GivenMarket(regime=measured.regime).read(None, NOW)
    assert (given.warnings, given.notes) == (measured.warnings, measured.notes)
    assert "flat_prices" in given.warnings


def test_a_regime_of_another_release_says_so() -> None:
    older = {**MARKET.to_dict(), "schema_version": 0}
    found = GivenMarket(regime=older).read(None, NOW)
    assert found.warnings == ("regime_schema",)
    assert found.notes == ("regime_schema: version 0, this release has 1",)


def test_a_warning_of_no_known_code_stays_a_sentence() -> None:
    odd = Regime(features=dict(MARKET.features), warnings=("measured by hand",))
    found = GivenMarket(regime=odd).read(None, NOW)
    assert (found.warnings, found.notes) == ((), ("measured by hand",))


@pytest.mark.parametrize(
    "spelling",
    [
        {"volatility_annual": 0.3},
        Regime.stated(features={"volatility_annual": 0.3}),
        Regime.stated(features={"volatility_annual": 0.3}).to_dict(),
        json.loads(json.dumps(Regime.stated(features={"volatility_annual": 0.3}).to_dict())),
    ],
)
def test_a_regime_means_the_same_in_each_of_its_spellings(spelling: Any) -> None:
    assert as_regime(spelling) == Regime.stated(features={"volatility_annual": 0.3})


def test_tags_are_a_regime_too() -> None:
    for spelling in ("uptrend", ["uptrend"], ("uptrend",)):
        assert as_regime(spelling) == Regime.stated(tags=["uptrend"])


@pytest.mark.parametrize("wrong", [5, 0.3, {"uptrend"}, {"volatility": 0.3}, ["up"], [], {}])
def test_what_is_no_regime_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRegimeError):
        as_regime(wrong)


def test_tags_of_a_filter_are_a_list_or_one_and_have_to_exist() -> None:
    assert checked_tags(None) is None
    assert checked_tags([]) == ()
    assert checked_tags("uptrend") == checked_tags(["uptrend"]) == ("uptrend",)
    with pytest.raises(InvalidRegimeError, match="uptrend"):
        checked_tags(["uptrendd"])


def own(**columns: list[Any]) -> pl.DataFrame:
    given = {"params": ['{"fast": 5}', '{"fast": 5.0}', '{"fast": 20}'], "n_trades_is": [2, 4, 9]}
    frame = {**given, "symbol": ["X"] * 3, "timeframe": ["1d"] * 3, "sharpe_is": [1.0] * 3}
    frame["is_start"] = [f"20{10 + i}-01-01" for i in range(3)]
    frame["is_end"] = [f"20{11 + i}-01-01" for i in range(3)]
    return pl.DataFrame({**frame, **columns}, strict=False)


def test_own_trades_are_the_mean_over_windows_by_canonical_parameters() -> None:
    assert read_own_trades(own(), "s", NOW) == {'{"fast":5}': 3.0, '{"fast":20}': 9.0}
    assert read_own_trades(None, "s", NOW) is None
    some = own(n_trades_is=[2, None, None])
    assert read_own_trades(some, "s", NOW) == {'{"fast":5}': 2.0}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (own(n_trades_is=[None] * 3), "n_trades_is"),
        (own().drop("n_trades_is"), "n_trades_is"),
        (own(n_trades_is=[2, -4, 9]), "row 2"),
        (own(params=["{}x", '{"fast": 5}', '{"fast": 6}']), "row 1"),
        (5, "own_trials"),
    ],
)
def test_own_results_that_cannot_be_used_are_refused_with_their_row(
    table: Any, message: str
) -> None:
    with pytest.raises(InvalidTrialError, match=message):
        read_own_trades(table, "s", NOW)


def test_a_later_as_of_does_not_let_a_bar_in_progress_in() -> None:
    now = FIRST + timedelta(days=119, hours=12)
    alone = GivenMarket(ohlcv=bars(), symbol="X").read(None, now)
    for as_of in (now, now + timedelta(hours=12), now + timedelta(days=999)):
        assert GivenMarket(ohlcv=bars(), symbol="X").read(as_of, now) == alone
    assert alone.warnings == ("ohlcv_unfinished",)


def test_an_as_of_before_every_bar_is_named_with_the_first_one() -> None:
    given = GivenMarket(ohlcv=bars(), symbol="X")
    with pytest.raises(InvalidInputError, match="no bar had closed by 2019-12-31") as caught:
        given.read(FIRST - timedelta(days=1), NOW)
    assert caught.value.field == "as_of"
    assert f"the first one is of {FIRST:%Y-%m-%d %H:%M}" in str(caught.value)


@pytest.mark.parametrize("timeframe", ["0h", "-5m"])
def test_a_timeframe_of_no_time_is_refused(timeframe: str) -> None:
    with pytest.raises(InvalidInputError, match="no time that a bar can last") as caught:
        GivenMarket(symbol="X", timeframe=timeframe).read(None, NOW)
    assert caught.value.field == "timeframe"
