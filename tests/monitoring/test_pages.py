"""Long lists in pages: how they are asked for, and where the next one begins."""

from __future__ import annotations

import pytest

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError


def test_pages_of_trials_are_all_trials(the_sample: tkb.KnowledgeBase):
    where = {"strategy_name": "sma_cross", "symbol": "GOOG", "timeframe": "1d"}
    found: list[int] = []
    after = None
    while True:
        page = the_sample.trial_page(where=where, limit=1000, after=after)
        found += page.rows["trial_id"].to_list()
        if (after := page.next) is None:
            break
    everything = the_sample.trials(strategy_name="sma_cross", symbol="GOOG", timeframe="1d")
    assert found == sorted(everything["trial_id"].to_list(), reverse=True)


def test_pages_of_events_are_all_events_and_the_last_one_says_that_it_is_the_last(
    sample: tkb.KnowledgeBase,
):
    for n in range(5):
        sample.recommend("sma_cross", request_id=f"r{n}")
    first = sample.event_page(limit=3)
    second = sample.event_page(limit=3, after=first.next)
    ids = [*first.rows["request_id"], *second.rows["request_id"]]
    assert ids == ["r4", "r3", "r2", "r1", "r0"]
    assert second.next is None
    assert first.rows.columns == sample.events().columns


def test_a_page_that_ends_with_the_list_has_no_next_one(sample: tkb.KnowledgeBase):
    for n in range(2):
        sample.recommend("sma_cross", request_id=f"r{n}")
    assert sample.event_page(limit=2).next is None


def test_the_summary_counts_what_was_answered_until_now(sample: tkb.KnowledgeBase):
    sample.recommend("sma_cross", regime=["uptrend"])
    sample.recommend("sma_cross", regime=["uptrend"], max_drawdown=1e-9, min_trades=10**6)
    sample.recommend("sma_cross", caller="probe")
    found = sample.event_summary(hours=1)
    assert found["count"].sum() == 2


@pytest.mark.parametrize("after", ["", "x", "-1", "1e3", "9" * 30, "\x00", "1~2", "²"])
def test_what_is_no_place_in_a_list_is_refused(the_sample: tkb.KnowledgeBase, after):
    with pytest.raises(InvalidInputError, match="no place in the list"):
        the_sample.event_page(after=after)
    with pytest.raises(InvalidInputError, match="no place in the list"):
        the_sample.trial_page(after=after if after != "9" * 19 else "x")


@pytest.mark.parametrize("status", [["ok"], 5, None, "\ud800"])
def test_events_are_selected_by_texts(the_sample: tkb.KnowledgeBase, status):
    with pytest.raises(InvalidInputError, match=r"^status: .* is no text"):
        the_sample.event_page(where={"status": status})


@pytest.mark.parametrize("limit", [0, -1, 1001, True, 2.5])
def test_a_page_has_one_to_a_thousand_rows(the_sample: tkb.KnowledgeBase, limit):
    with pytest.raises(InvalidInputError, match="1 to 1000"):
        the_sample.trial_page(limit=limit)


def test_a_page_is_selected_by_known_names_only(the_sample: tkb.KnowledgeBase):
    with pytest.raises(InvalidInputError, match="strategy_name, symbol"):
        the_sample.trial_page(where={"sharpe_oos": "1"})


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_summary_is_of_a_number_of_hours(the_sample: tkb.KnowledgeBase, hours):
    with pytest.raises(InvalidInputError, match="hours"):
        the_sample.event_summary(hours=hours)
