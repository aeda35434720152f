"""Trials page by page in any order: what is asked for, and where the next page begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError
from tradingkb.monitoring.trial_pages import (
    MOST_COUNTED,
    NUMBERS,
    ORDERS,
    SELECTORS,
    read_place,
    trial_order,
    trial_query,
    write_place,
)
from tradingkb.ports import TrialOrder, TrialPlace

NUMBER_ORDERS = st.builds(TrialOrder, st.sampled_from(NUMBERS), st.booleans())
TEXT_ORDERS = st.builds(
    TrialOrder, st.sampled_from(["symbol", "strategy_name", "timeframe"]), st.booleans()
)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
IDS = st.integers(1, 2**63 - 1)


def walk(kb: tkb.KnowledgeBase, **asked: object) -> list[int]:
    found, after = [], None
    while True:
        page = kb.trial_page(after=after, **asked)
        found += page.rows["trial_id"].to_list()
        if (after := page.next) is None:
            return found


@given(
    st.one_of(
        st.tuples(NUMBER_ORDERS, st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(TEXT_ORDERS, st.none() | st.text(st.characters(codec="utf-8"), min_size=1)),
        st.tuples(st.builds(TrialOrder, st.just("known_at"), st.booleans()), TIMES),
        st.tuples(st.builds(TrialOrder, st.just("id"), st.booleans()), st.none()),
    ),
    IDS,
)
def test_a_place_comes_back_from_its_text_exactly(asked, trial_id):
    order, value = asked
    if isinstance(value, str) and "\x00" in value:
        return  # no database holds one
    row = {"trial_id": trial_id} | ({} if order.column == "id" else {order.column: value})
    assert read_place(write_place(row, order), order) == TrialPlace(value, trial_id)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("descending", [True, False])
def test_a_place_of_another_order_is_refused(order, descending):
    asked = trial_order(order, descending=descending)
    row = dict.fromkeys(ORDERS) | {"trial_id": 7}
    for other in ORDERS:
        for way in (True, False):
            given_order = trial_order(other, descending=way)
            if given_order != asked:
                with pytest.raises(InvalidInputError, match="another order"):
                    read_place(write_place(row, given_order), asked)


def test_the_place_in_the_order_of_storing_is_an_id_as_it_was_in_earlier_releases():
    assert write_place({"trial_id": 7}, TrialOrder()) == "7"
    assert read_place("7", TrialOrder()) == TrialPlace(None, 7)


@pytest.mark.parametrize(
    "after",
    ["", "x", "-", "~", "-sharpe_oos", "-sharpe_oos~", "-sharpe_oos~x~1", "-sharpe_oos~7~",
     "-sharpe_oos~7~nan", "-sharpe_oos~7~inf", "-sharpe_oos~7~1~2", "-sharpe_oos~-7~1",
     "-sharpe_oos~²~1", "-nobody~7", "sharpe_oos~7~1"],
)  # fmt: skip
def test_what_no_page_gave_is_refused(after):
    with pytest.raises(InvalidInputError, match="no place in the list"):
        read_place(after, TrialOrder("sharpe_oos"))


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_text_that_no_database_holds_is_no_place(text):
    with pytest.raises(InvalidInputError, match="no place in the list"):
        read_place(f"-symbol~7~{text}", TrialOrder("symbol"))


@pytest.mark.parametrize("order", ["sharpe_oos", "known_at", "symbol", "n_trades_oos", "stored"])
def test_pages_together_are_the_whole_list(the_sample: tkb.KnowledgeBase, order):
    where = {"strategy_name": "sma_cross", "symbol": ["GOOG", "AAPL"]}
    rows = the_sample.trials(strategy_name="sma_cross")
    ids = set(rows.filter(rows["symbol"].is_in(["GOOG", "AAPL"]))["trial_id"])
    down = walk(the_sample, where=where, order=order, limit=500)
    up = walk(the_sample, where=where, order=order, limit=700, descending=False)
    assert down == up[::-1]
    assert len(down) == len(ids)
    assert set(down) == ids


def test_ranges_hold_both_of_their_ends(the_sample: tkb.KnowledgeBase):
    rows = the_sample.trials()["sharpe_oos"].drop_nulls().sort()
    low, high = rows[100], rows[-100]
    ranges = {"sharpe_oos": (low, high)}
    found = the_sample.trial_page(order="sharpe_oos", ranges=ranges, limit=1).rows["sharpe_oos"]
    assert found.to_list() == [high]
    last = the_sample.trial_page(order="sharpe_oos", ranges=ranges, limit=1, descending=False).rows
    assert last["sharpe_oos"].to_list() == [low]
    assert the_sample.trial_count(ranges=ranges) == rows.is_between(low, high).sum()


def test_a_range_of_times_takes_what_people_write(the_sample: tkb.KnowledgeBase):
    rows = the_sample.trials()["known_at"]
    since = rows.sort()[len(rows) // 2]
    wanted = int((rows >= since).sum())
    for start in (since, since.isoformat(), since.replace(tzinfo=None)):
        assert the_sample.trial_count(ranges={"known_at": (start, None)}) == wanted


def test_a_count_is_of_what_the_pages_list(the_sample: tkb.KnowledgeBase):
    assert the_sample.trial_count() == the_sample.trials().height
    where = {"symbol": "GOOG", "kb_status": "candidate"}
    assert the_sample.trial_count(where=where) == the_sample.trials(symbol="GOOG").height
    assert the_sample.trial_count(where={"kb_status": "promoted"}) == 0
    assert MOST_COUNTED == 100_000


def test_trials_that_were_promoted_are_found_by_their_status(sample: tkb.KnowledgeBase):
    ids = sample.trials(limit=3)["trial_id"].to_list()
    sample.promote(ids[:2])
    sample.reject(ids[2], reason="bug")
    assert set(walk(sample, where={"kb_status": "promoted"}, order="sharpe_oos")) == set(ids[:2])
    both = {"kb_status": ["rejected", "promoted"]}
    assert sample.trial_count(where=both) == 3
    assert walk(sample, where=both, order="kb_status")[0] == ids[2]


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"source_id": (1, 2)}, "use known_at"),
        ({"sharpe_oos": 1.0}, "lowest, highest"),
        ({"sharpe_oos": (1.0,)}, "lowest, highest"),
        ({"sharpe_oos": (2.0, 1.0)}, "lowest first"),
        ({"sharpe_oos": (float("nan"), None)}, "give a number"),
        ({"sharpe_oos": ("1", None)}, "give a number"),
        ({"sharpe_oos": (None, 10**5000)}, "give a number"),
        ({"sharpe_oos": (True, None)}, "give a number"),
        ({"known_at": ("yesterday", None)}, "no time"),
    ],
)
def test_a_range_that_is_none_is_refused(ranges, message):
    with pytest.raises(InvalidInputError, match=message):
        trial_query(None, ranges)


@pytest.mark.parametrize("value", [3, None, {"a": 1}, ["GOOG", 3], "a\x00", "\ud800"])
def test_what_is_no_text_is_nothing_to_select_by(value):
    with pytest.raises(InvalidInputError, match="symbol"):
        trial_query({"symbol": value}, None)


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidInputError, match="sharpe_oos"):
        trial_order("sharp", descending=True)
    with pytest.raises(InvalidInputError, match=SELECTORS[-1]):
        trial_query({"sharpe_oos": "1"}, None)
    assert trial_order("max_drawdown_oos", descending=True).column == "max_drawdown_frac_oos"


@pytest.mark.parametrize("values", [[], (), set()])
def test_a_list_of_nothing_is_refused(values):
    """As a parameter of a request it would be no condition, and every trial would be listed."""
    with pytest.raises(InvalidInputError, match="symbol: a list of nothing"):
        trial_query({"symbol": values}, None)
