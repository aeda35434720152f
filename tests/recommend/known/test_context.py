"""What one answer starts from: which trials count, of which version, timeframe and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import NOW, START, USUAL, World, fast, spec, sweep, window
from tradingkb.domain import Regime
from tradingkb.exceptions import UnknownObjectiveError
from tradingkb.recommend.known import of_version, to_micros

NAMES = ("stored", "known", "eligible", "of_version", "scored", "not_archived")
LATE = START.replace(year=2099)
FIRST = window(0)


def funnel(world: World, **asked: Any) -> list[int]:
    return [world.context(**asked).funnel[name] for name in NAMES]


@pytest.mark.parametrize(
    ("world", "left"),
    [
        (USUAL, [20, 20, 20, 20, 20, 20]),
        (USUAL.but(FIRST, known_at=LATE), [20, 18, 18, 18, 18, 18]),
        (USUAL.but(FIRST, kb_status="rejected"), [20, 20, 18, 18, 18, 18]),
        (USUAL.but(FIRST, kb_status="promoted"), [20, 20, 20, 20, 20, 20]),
        (
            USUAL.but(strategy_version="1").but(FIRST, strategy_version="0"),
            [20, 20, 20, 18, 18, 18],
        ),
        (USUAL.but(FIRST, sharpe_is=None, sharpe_oos=None), [20, 20, 20, 20, 18, 18]),
        (USUAL.but(FIRST, archived_at=START), [20, 20, 20, 20, 20, 18]),
        (USUAL.but(FIRST, sharpe_oos=None), [20, 20, 20, 20, 20, 18]),  # in-sample beside others
        (USUAL.but(FIRST, known_at=LATE, kb_status="rejected"), [20, 18, 18, 18, 18, 18]),
        (USUAL.only(pl.lit(False)), [0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_funnel_counts_what_each_condition_leaves(world: World, left: list[int]) -> None:
    assert funnel(world) == left


@pytest.mark.parametrize(
    ("asked", "embargo_s", "known"),
    [
        ({}, 0.0, 20),
        ({"as_of": START + timedelta(days=90)}, 0.0, 2),
        ({"as_of": START + timedelta(days=90, microseconds=-1)}, 0.0, 0),
        ({"as_of": START + timedelta(days=90, seconds=60)}, 60.0, 2),
        ({"as_of": START + timedelta(days=90, seconds=59)}, 60.0, 0),
        ({"as_of": START + timedelta(days=91 * 9 + 90)}, 0.0, 20),
    ],
)
def test_a_trial_counts_from_when_it_was_known_and_the_embargo_has_passed(
    asked: dict[str, Any], embargo_s: float, known: int
) -> None:
    assert USUAL.context(embargo_s=embargo_s, **asked).funnel["known"] == known


def test_what_is_known_until_is_the_time_of_the_question_less_the_embargo() -> None:
    assert USUAL.context().known_until == to_micros(NOW)
    found = USUAL.context(as_of=START, embargo_s=1.5)
    assert found.known_until == to_micros(START) - 1_500_000


ONE, TWO = spec(version="1"), spec(version="2")
MIXED = USUAL.but(FIRST, strategy_version="old").but(window(9), strategy_version="new")


@pytest.mark.parametrize(
    ("world", "asked", "version", "registered"),
    [
        (MIXED, {}, "new", False),  # the newest one that was known
        (MIXED, {"as_of": START + timedelta(days=90)}, "old", False),
        (MIXED.but(window(9), kb_status="rejected"), {}, "old", False),
        (MIXED, {"strategy_version": "old"}, "old", False),
        (MIXED.under(ONE, TWO), {}, "2", True),  # what is registered last
        (MIXED.under(TWO, ONE), {}, "1", True),
        (MIXED.under(ONE, TWO), {"strategy_version": "1"}, "1", True),
        (MIXED.under(ONE), {"strategy_version": "new"}, "new", False),
        (USUAL, {}, None, False),
        (USUAL.only(pl.lit(False)).under(ONE), {}, "1", True),
    ],
)
def test_the_version_is_the_asked_else_the_registered_else_the_newest_one(
    world: World, asked: dict[str, Any], version: str | None, registered: bool
) -> None:
    found = world.context(**asked)
    assert found.version == version
    assert (found.spec is not None) == registered
    assert found.spec is None or found.spec.version == version


@pytest.mark.parametrize(("version", "n"), [("old", 18), ("new", 18), ("other", 16), (None, 20)])
def test_a_trial_that_names_no_version_is_taken_to_be_of_any(version: str | None, n: int) -> None:
    assert of_version(MIXED.view(), version).sum() == n


SLOW = sweep(4, {5: 0.5, 20: 1.5}, timeframe="4h")
OTHER = sweep(12, {5: 0.5, 20: 1.5}, symbol="MSFT", timeframe="1h")


@pytest.mark.parametrize(
    ("world", "symbol", "timeframe", "found", "mixed"),
    [
        (USUAL, "AAPL", "4h", "4h", False),
        (USUAL, None, None, "1d", False),
        (USUAL.plus(SLOW), "AAPL", None, "1d", True),  # it has the most windows
        (USUAL.plus(OTHER), "AAPL", None, "1d", False),  # the instrument's own say it
        (USUAL.plus(OTHER), "MSFT", None, "1h", False),
        (USUAL.plus(OTHER), None, None, "1h", True),
        (USUAL.plus(OTHER), "XYZ", None, "1h", True),
        (USUAL.plus(SLOW).but(~window(0), kb_status="rejected"), None, None, "1d", False),
        (SLOW.plus(sweep(4, {5: 1.0})), None, None, "1d", True),  # of equal ones the first by name
        (USUAL.only(pl.lit(False)), "AAPL", None, None, False),
        (USUAL.but(timeframe=None), None, None, None, False),
    ],
)
def test_the_timeframe_is_the_asked_else_that_of_the_most_windows(
    world: World, symbol: str | None, timeframe: str | None, found: str | None, mixed: bool
) -> None:
    c = world.context(symbol=symbol, timeframe=timeframe)
    assert c.timeframe == found
    assert ("mixed_timeframes" in c.said.warnings) == mixed
    assert any("is quoted" in note for note in c.said.notes) == mixed


def test_own_windows_are_of_the_instrument_and_the_timeframe() -> None:
    world = USUAL.plus(SLOW).plus(sweep(3, {5: 1.0}, symbol="MSFT"))
    c = world.context()
    frame = c.view.windows.frame
    own = (frame["symbol"] == "AAPL") & (frame["timeframe"] == "1d")
    assert c.own.tolist() == own.to_list()
    assert c.near.tolist() == (frame["timeframe"] == "1d").to_list()
    assert not world.context(symbol=None).own.any()
    assert world.context(symbol=None, timeframe="4h").near.sum() == 4


def test_windows_without_a_usable_trial_are_nobodys_own() -> None:
    c = USUAL.but(FIRST, kb_status="rejected").context()
    assert c.own.tolist() == [False] + [True] * 9


@pytest.mark.parametrize("archived", [False, True])
def test_a_trial_that_was_archived_or_rejected_later_counts_at_the_time_before(
    archived: bool,
) -> None:
    moment = START + timedelta(days=91 * 10)
    late = moment + timedelta(microseconds=1)
    world = USUAL.but(FIRST, kb_status="rejected", archived_at=late if archived else None)
    world = world.since(*((n, "candidate", "rejected", late) for n in world.ids(FIRST)))
    before, after = world.context(as_of=moment), world.context(as_of=late)
    assert (before.funnel["eligible"], before.funnel["not_archived"]) == (20, 20)
    assert (after.funnel["eligible"], after.funnel["not_archived"]) == (18, 18)


def test_a_set_is_promoted_where_a_usable_trial_of_it_is() -> None:
    world = USUAL.but(fast(5) & FIRST, kb_status="promoted")
    assert world.context().promoted.tolist() == [False, True]
    unusable = world.but(fast(5) & FIRST, sharpe_is=None, sharpe_oos=None)
    assert not unusable.context().promoted.any()
    late = START + timedelta(days=9999)
    (trial,) = world.ids(fast(5) & FIRST)
    dated = world.since((trial, "candidate", "promoted", late))
    assert not dated.context(as_of=late - timedelta(days=1)).promoted.any()


def test_what_reading_the_market_found_is_said_first() -> None:
    world = USUAL.plus(SLOW).but(FIRST, cost_bps=1.0)
    c = world.context(timeframe=None, read=("ohlcv_gap",))
    assert c.said.warnings == ("ohlcv_gap", "mixed_timeframes", "no_strategy_spec", "mixed_costs")
    assert c.said.notes[0] == "ohlcv_gap: so"
    assert c.said.reasons == ()


@pytest.mark.parametrize(
    ("regime", "stated"),
    [
        (None, False),
        (Regime(features={"volatility_annual": 0.3}), False),
        (Regime.stated(tags=["uptrend"]), True),
    ],
)
def test_a_market_is_stated_when_a_user_says_what_it_will_be_like(
    regime: Regime | None, stated: bool
) -> None:
    assert USUAL.context(regime=regime).stated == stated


def test_an_unknown_objective_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownObjectiveError, match="did you mean sharpe"):
        USUAL.context(objective_type="sharp")


def test_times_are_exact_to_the_microsecond() -> None:
    moments = [START.replace(year=y, microsecond=999_999) for y in (1900, 1969, 2026, 9998)]
    for moment in moments:
        assert to_micros(moment + timedelta(microseconds=1)) == to_micros(moment) + 1
    assert to_micros(START.replace(year=1970, month=1, day=1)) == 0


def test_questions_of_the_same_trials_share_a_pool_and_others_do_not() -> None:
    view = USUAL.view()
    first = USUAL.context(view)
    shared = [
        USUAL.context(view, symbol="MSFT"),
        USUAL.context(view, regime=None, min_trades=99),
        USUAL.context(view, as_of=NOW),
    ]
    others = [
        USUAL.context(view, objective_type="max_drawdown"),
        USUAL.context(view, as_of=START + timedelta(days=91 * 5)),
    ]
    assert all(c.pool is first.pool for c in shared)
    assert all(c.pool is not first.pool for c in others)


def test_an_embargo_is_none_where_the_question_is_asked_that_much_later() -> None:
    """Waiting for as long as the embargo lasts gives the same trials."""
    moment, wait = START + timedelta(days=500), 86_400.0
    now = USUAL.context(as_of=moment)
    later = USUAL.context(as_of=moment + timedelta(seconds=wait), embargo_s=wait)
    assert np.array_equal(now.pool.usable, later.pool.usable)
    assert now.known_until == later.known_until
