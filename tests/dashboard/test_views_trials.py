"""The list of trials: what it asks for, where its pages begin, what it shows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from dashboard.views.trials import (
    COLUMNS,
    Asked,
    Pages,
    asked,
    chosen_ids,
    details,
    empty_range,
    history_rows,
    metric_table,
    pages_of,
    place_text,
    regime_table,
    shown_rows,
    sort_by,
    trial_params,
)

AT = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
ROW = {
    "trial_id": 7,
    "source_type": "sample",
    "source_id": "a|<b>",
    "run_id": None,
    "experiment_type": "sweep",
    "strategy_name": "sma_cross",
    "strategy_version": "1",
    "engine": None,
    "cost_bps": 5.0,
    "symbol": "AAPL",
    "timeframe": "1d",
    "kb_status": "candidate",
    "withdrawn_at": None,
    "known_at": AT,
    "params": '{"fast":20,"k":0.30000000000000004,"kind":"<i>"}',
    "sharpe_is": 1.25,
    "sharpe_oos": None,
    "return_frac_oos": 0.125,
    "max_drawdown_frac_oos": 0.2,
    "n_trades_is": 1200,
    "n_trades_oos": 12,
    "win_rate_oos": 0.5,
    "regime_is": None,
    "regime_oos": '{"tags":["uptrend"],"features":{"rsi":61.23456}}',
}


def page(*changes: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**ROW, **change} for change in changes], infer_schema_length=None)


def test_blank_filters_ask_for_nothing():
    found = asked(
        {"symbol": "  ", "timeframe": None, "source_id": " x "}, {"known_at": (None, None)}
    )
    assert found.where == {"source_id": "x"}
    assert found.ranges == {}


def test_a_day_that_is_named_belongs_to_the_range():
    found = asked({}, {"known_at": (date(2020, 1, 1), date(2020, 1, 1))})
    low, high = found.ranges["known_at"]
    assert low == datetime(2020, 1, 1, tzinfo=UTC)
    assert high == datetime(2020, 1, 1, 23, 59, 59, 999999, tzinfo=UTC)


def test_numbers_of_a_range_stay_as_they_are_and_an_open_end_stays_open():
    found = asked({}, {"sharpe_oos": (0.0, None), "n_trades_oos": (None, 5)})
    assert found.ranges == {"sharpe_oos": (0.0, None), "n_trades_oos": (None, 5)}


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ({"sharpe_oos": (1.0, 0.5)}, "Sharpe OOS"),
        ({"sharpe_oos": (1.0, 1.0)}, None),
        ({"sharpe_oos": (1.0, None)}, None),
        ({"known_at": (AT, None), "win_rate_oos": (0.5, 0.1)}, "win_rate_oos"),
    ],
)
def test_a_range_that_nothing_fits_is_named(ranges, named):
    assert empty_range(ranges) == named


def test_the_first_click_on_a_heading_puts_the_largest_first_and_the_second_the_smallest():
    now = Asked(order="known_at", descending=True)
    assert sort_by("sharpe_oos", now) == ("sharpe_oos", True)
    assert sort_by("known_at", now) == ("known_at", False)
    assert sort_by("known_at", Asked(order="known_at", descending=False)) == ("known_at", True)
    assert sort_by("trial_id", now) == ("stored", True)


def test_a_column_that_the_store_cannot_order_by_changes_nothing():
    assert sort_by("params", Asked()) is None
    assert sort_by("source_id", Asked()) is None


def test_pages_are_turned_forwards_and_back():
    first = pages_of(None, Asked())
    second = first.forward("100")
    third = second.forward("200")
    assert [p.after for p in (first, second, third)] == [None, "100", "200"]
    assert [p.number for p in (first, second, third)] == [1, 2, 3]
    assert third.back() == second
    assert first.back() == first


def test_another_list_begins_with_its_first_page():
    second = pages_of(None, Asked()).forward("100")
    assert pages_of(second, Asked()) == second
    assert pages_of(second, Asked(where={"symbol": "AAPL"})).after is None
    assert pages_of(second, Asked(order="known_at")).after is None
    assert pages_of(second, Asked(limit=50)).after is None


def test_a_list_is_told_apart_by_everything_that_is_asked():
    asks = [
        Asked(),
        Asked(where={"symbol": "A"}),
        Asked(ranges={"sharpe_oos": (0.0, None)}),
        Asked(ranges={"sharpe_oos": (None, 0.0)}),
        Asked(ranges={"known_at": (AT, None)}),
        Asked(order="known_at"),
        Asked(descending=False),
        Asked(limit=50),
    ]
    assert len({ask.key() for ask in asks}) == len(asks)


@pytest.mark.parametrize(
    ("starts", "rows", "total", "text"),
    [
        ((), 100, 26_040, "Trials 1 to 100 of 26,040."),
        (("a", "b"), 40, 240, "Trials 201 to 240 of 240."),
        ((), 100, 100_000, "Trials 1 to 100 of 100,000 or more."),
        ((), 7, None, "Trials 1 to 7."),
        ((), 0, 0, "No trial fits."),
    ],
)
def test_it_is_said_which_trials_of_how_many_are_shown(starts, rows, total, text):
    assert place_text(Pages("", starts), 100, rows, total) == text


def test_the_list_shows_parameters_on_one_line_and_fractions_in_percent():
    row = shown_rows(page({})).row(0, named=True)
    assert row["params"] == "fast=20, k=0.3, kind=<i>"
    assert row["return_frac_oos"] == pytest.approx(12.5)
    assert row["sharpe_is"] == 1.25
    assert row["sharpe_oos"] is None
    assert list(row) == list(COLUMNS)


def test_a_withdrawn_trial_is_shown_as_withdrawn_whatever_its_status():
    rows = page({}, {"withdrawn_at": AT, "kb_status": "promoted"}, {"kb_status": "rejected"})
    assert shown_rows(rows)["kb_status"].to_list() == ["candidate", "withdrawn", "rejected"]


def test_an_empty_page_has_the_same_columns():
    assert shown_rows(page({}).clear()).columns == list(COLUMNS)


def test_chosen_rows_are_trials_of_this_page_and_of_no_other():
    rows = page({"trial_id": 9}, {"trial_id": 4})
    assert chosen_ids(rows, [1, 0]) == [4, 9]
    assert chosen_ids(rows, [5, -1]) == []


def test_details_leave_out_what_is_not_known():
    found = details(ROW)
    fields = dict(found["Identity"].rows())
    assert fields["source_id"] == "a|<b>"
    assert "engine" not in fields
    assert dict(found["Window"].rows())["known_at"] == "2020-01-02 03:04:05 UTC"


def test_metrics_of_both_samples_stand_side_by_side_with_their_units():
    found = {name: (a, b) for name, a, b in metric_table(ROW).rows()}
    assert found["sharpe"] == ("1.25", "–")
    assert found["return_frac"] == ("–", "12.5 %")
    assert found["n_trades"] == ("1,200", "12")
    assert found["win_rate"] == ("–", "50.0 %")


def test_parameters_keep_their_values():
    assert trial_params(ROW) == {"fast": 20, "k": 0.30000000000000004, "kind": "<i>"}
    assert trial_params({"params": None}) == {}


def test_regimes_of_both_windows_stand_side_by_side():
    assert regime_table(ROW).rows() == [("tags", "", "uptrend"), ("rsi", "–", "61.23")]
    assert regime_table({"regime_is": None, "regime_oos": None}).is_empty()


def test_the_history_says_what_differs_from_row_to_row():
    changes = pl.DataFrame(
        {
            "trial_id": [7],
            "at": [AT],
            "from_status": ["candidate"],
            "to_status": ["promoted"],
            "actor": ["x"],
            "actor_type": ["admin"],
            "reason": [None],
        }
    )
    assert history_rows(changes).columns == [
        "at",
        "from_status",
        "to_status",
        "actor",
        "actor_type",
        "reason",
    ]
