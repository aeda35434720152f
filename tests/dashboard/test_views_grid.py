"""Two parameters as a grid: its cells, its marks, and what is read of them."""

from __future__ import annotations

import polars as pl
import pytest

from dashboard.views.grid import (
    AGAINST,
    EARNED,
    declared_numbers,
    few_windows,
    grid,
    grid_table,
    hover_text,
    in_order,
    mark,
    spec_defaults,
)
from dashboard.views.grid_words import alt_text, explained, title_text
from tests.dashboard.grids import PLAIN, report, shown


def test_values_stand_in_numeric_order_and_not_in_that_of_texts():
    assert [level.label for level in shown().columns] == ["9", "20", "100"]
    assert [level.label for level in shown().rows] == ["5", "10"]


def test_a_cell_that_nobody_tried_is_empty():
    assert shown().value == ((0.1, 0.5, -0.2), (3.0, None, None))
    assert sorted(shown().tried()) == [(0, 0), (0, 1), (1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("counts", "few"),
    [([], 3), ([1], 3), ([12, 2], 3), ([40, 1], 10), ([41], 11), ([84, 84], 21)],
)
def test_few_windows_are_fewer_than_three_or_than_a_quarter_of_the_best_covered_cell(counts, few):
    assert few_windows(counts) == few


def test_cells_with_few_windows_are_marked():
    assert shown().few == 10
    assert shown().thin() == [(0, 1)]


def test_a_lucky_cell_with_few_windows_does_not_stretch_the_scale():
    assert shown().limits() == (-0.5, 0.5)


def test_cells_with_few_windows_make_the_scale_where_there_are_no_others():
    thin = ((1.0, 1.0, 0.4, None, None, 1), (2.0, 1.0, -0.1, None, None, 2))
    assert shown(thin).limits() == (-0.4, 0.4)


def test_the_scale_lies_around_break_even_or_from_the_least_to_the_most():
    assert grid(report(), EARNED, 1.0).limits() == pytest.approx((-0.2, 2.2))
    assert grid(report(), EARNED, None).limits() == (-0.2, 0.5)


def test_a_scale_has_a_length_even_where_all_values_are_the_same():
    same = ((1.0, 1.0, 0.0, 0.0, 0.0, 9),)
    assert grid(report(same), EARNED, 0.0).limits() == (-1.0, 1.0)
    assert grid(report(same), EARNED, None).limits() == (-0.5, 0.5)


def test_an_interval_is_clear_when_it_leaves_break_even_out():
    below = shown(((1.0, 1.0, -0.5, -0.9, -0.1, 9),))
    assert [shown().clear(place) for place in ((1, 0), (2, 0), (0, 0), (0, 1))] == [
        True,
        False,
        False,
        False,
    ]
    assert below.clear((0, 0))
    assert not grid(report(), EARNED, None).clear((1, 0))


def test_against_the_other_sets_no_difference_is_the_middle_whatever_the_objective():
    against = grid(report(unit="ratio"), AGAINST, 1.0)
    assert against.centre == 0.0
    assert against.value[0] == pytest.approx((0.0, 0.4, -0.3))


def test_bins_hold_the_values_between_their_ends():
    cells = report()["cells"].with_columns(p_low=pl.col("p") - 2, p_high=pl.col("p") + 2)
    binned = grid(report(cells=PLAIN) | {"cells": cells}, EARNED, 0.0)
    assert [level.label for level in binned.columns] == ["7 to 11", "18 to 22", "98 to 102"]
    assert mark("defaults", {"slow": 19, "fast": 5}, binned).place == (1, 0)
    assert mark("defaults", {"slow": 40, "fast": 5}, binned).place is None


def test_categories_stand_after_each_other_by_name_and_what_is_not_set_last():
    cells = ((None, 5.0, 0.1, None, None, 5), ("wma", 5.0, 0.2, None, None, 5))
    cells += (("ema", 5.0, 0.3, None, None, 5),)
    assert [level.label for level in shown(cells).columns] == ["ema", "wma", "not set"]


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({"slow": 20, "fast": 5}, (1, 0)),
        ({"slow": 20.0, "fast": 5.0, "exit": 3}, (1, 0)),
        ({"slow": 21, "fast": 5}, None),
        ({"slow": 20}, None),
        ({"slow": True, "fast": 5}, None),
        ({"slow": "20", "fast": 5}, None),
    ],
)
def test_a_set_is_marked_in_its_cell_or_nowhere(params, place):
    assert mark("recommended", params, shown()).place == place


def test_a_set_without_the_parameter_lies_where_it_is_not_set():
    cells = ((None, 5.0, 0.1, None, None, 5), ("true", 5.0, 0.2, None, None, 5))
    assert mark("defaults", {"fast": 5}, shown(cells)).place == (1, 0)
    assert mark("defaults", {"slow": True, "fast": 5}, shown(cells)).place == (0, 0)


def test_no_set_is_no_mark():
    assert mark("recommended", None, shown()) is None
    assert mark("defaults", {}, shown()) is None


def test_a_single_parameter_makes_one_row():
    cells = report()["cells"].filter(pl.col("q") == 5.0)
    one = cells.with_columns(q=pl.lit(None), q_low=pl.lit(None), q_high=pl.lit(None))
    line = grid(report() | {"cells": one, "q": None}, EARNED, 0.0)
    assert line.value == ((0.1, 0.5, -0.2),)
    assert mark("defaults", {"slow": 100}, line).place == (2, 0)
    assert "best 0.50 at slow = 20, from 40 windows" in alt_text(line, [])


def test_the_table_has_the_best_first_and_says_what_the_picture_says():
    marks = [mark("defaults", {"slow": 9, "fast": 10}, shown())]
    table = grid_table(shown(), marks)
    assert table.select("p", "q", "note", "mean", "windows").rows() == [
        ("9", "10", "defaults, few windows", 3.0, 1),
        ("20", "5", "", 0.5, 40),
        ("9", "5", "", 0.1, 40),
        ("100", "5", "", -0.2, 40),
    ]


def test_the_table_has_the_least_first_where_less_is_better():
    table = grid_table(shown(direction="min"), [])
    assert table["mean"].to_list() == [-0.2, 0.1, 0.5, 3.0]


def test_fractions_stand_in_the_table_in_percent():
    table = grid_table(shown(unit="fraction"), [])
    assert table["high"].to_list() == pytest.approx([None, 90.0, 50.0, 10.0])
    assert table["idle"].to_list() == [25.0] * 4


def test_under_the_pointer_a_cell_says_everything_that_stands_behind_it():
    marks = [mark("recommended", {"slow": 20, "fast": 5}, shown())]
    assert hover_text(shown(), (1, 0), marks).split("\n") == [
        "slow = 20, fast = 5",
        "what it earned: 0.50",
        "90 % interval 0.10 to 0.90",
        "40 windows, 80 trials, 2 parameter sets",
        "25 % of the trials made no trade",
        "recommended",
    ]
    assert "no interval: a single window" in hover_text(shown(), (0, 1), [])


def test_the_title_says_unit_sample_and_sample_size():
    assert title_text(report(), shown()) == (
        "Mean sharpe (annualised), out-of-sample, 40 windows of 1d bars"
    )
    against = grid(report(unit="fraction"), AGAINST)
    assert title_text(report(unit="fraction", in_sample=True, timeframe=None), against) == (
        "Difference in sharpe (percent), in-sample where there is no other, 40 windows"
    )


def test_the_notes_say_what_is_averaged_what_is_empty_and_where_marks_lie():
    marks = [mark("defaults", {"slow": 30, "fast": 5}, shown())]
    text = " ".join(explained(report(), shown(), marks, None, counted=False))
    assert "242 trials of 6 sets on 40 windows" in text
    assert "Averaged over the other parameters (exit)" in text
    assert "An empty cell was never tried." in text
    assert "Defaults: slow=30, fast=5; it lies in no cell of this grid." in text
    assert "No answer of the last 30 days is recorded for this strategy and objective" in text
    assert "too small for n" in text


def test_where_all_values_are_gains_the_notes_say_where_their_differences_are_seen():
    gains = tuple((p, q, abs(value or 0.0) + 0.1, *rest) for p, q, value, *rest in PLAIN)
    one_sided, words = shown(gains), "All values are on one side of it: 'Against the other sets'"
    assert words in " ".join(explained(report(), one_sided, [], None))
    assert words not in " ".join(explained(report(), shown(), [], None))
    assert words not in " ".join(explained(report(), grid(report(gains), AGAINST), [], None))


def test_what_was_recommended_says_when_for_what_and_with_which_status():
    answered = {"symbol": "AAPL", "timeframe": "1d", "at": "2026-11-01", "status": "degraded"}
    marks = [mark("recommended", {"slow": 20, "fast": 5}, shown())]
    text = " ".join(explained(report(), shown(), marks, answered))
    assert (
        "Recommended last: slow=20, fast=5, at 2026-11-01 for AAPL 1d, with status degraded."
        in text
    )


def test_who_does_not_see_the_picture_hears_the_finding():
    marks = [mark("defaults", {"slow": 20, "fast": 5}, shown())]
    assert alt_text(shown(), marks) == (
        "What it earned over slow and fast: best 3.00 at slow = 9, fast = 10, from 1 window; "
        "3 cells of 4 have enough windows. Defaults at slow = 20, fast = 5."
    )


def test_declared_numbers_come_first_and_what_does_not_vary_is_left_out():
    assert in_order(["signal", "slow", "short"], ["fast", "slow", "signal"]) == [
        "slow",
        "signal",
        "short",
    ]
    assert in_order(["b", "a"], []) == ["b", "a"]


def test_a_spec_says_which_parameters_are_numbers_and_what_the_defaults_are():
    spec = {
        "params": [
            {"name": "kind", "type": "categorical", "default": "ema"},
            {"name": "fast", "type": "int", "default": 12},
            {"name": "k", "type": "float", "default": None},
        ]
    }
    assert declared_numbers(spec) == ["fast", "k"]
    assert spec_defaults(spec) == {"kind": "ema", "fast": 12}
    assert declared_numbers(None) == []
    assert spec_defaults(None) is None
    assert spec_defaults({"params": [{"name": "k", "type": "int", "default": None}]}) is None
