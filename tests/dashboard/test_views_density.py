"""In-sample against out-of-sample as a density."""

from __future__ import annotations

import polars as pl
import pytest

from dashboard.views.density import density_caption, density_figure, density_table
from tests.dashboard.grids import LOOK

CELLS = pl.DataFrame(
    {
        "x_low": [0.0, 0.5, 2.0],
        "x_high": [0.5, 1.0, 2.5],
        "y_low": [-1.0, -1.0, 0.0],
        "y_high": [0.0, 0.0, 1.0],
        "n": [1, 100, 10],
    }
)
REPORT = {
    "x": "sharpe_is",
    "y": "sharpe_oos",
    "n": 113,
    "n_missing": 4,
    "n_outside": 2,
    "rank_correlation": 0.21,
    "cells": CELLS,
}


def drawn(unit: str = "annualised", **changes: object):
    figure = density_figure({**REPORT, **changes}, unit, LOOK)
    return figure["data"][0], figure["data"][1], figure["layout"]


def test_empty_fields_between_others_keep_their_place():
    heat, _, _ = drawn()
    assert heat["x"] == pytest.approx([0.25, 0.75, 1.25, 1.75, 2.25])
    assert heat["z"] == [[0.0, 2.0, None, None, None], [None, None, None, None, 1.0]]


def test_colours_are_of_the_order_of_magnitude_and_their_legend_of_counts():
    heat, _, _ = drawn()
    assert heat["colorbar"]["tickvals"] == [0, 1, 2]
    assert heat["colorbar"]["ticktext"] == ["1", "10", "100"]


def test_both_axes_have_one_range_so_that_the_diagonal_is_one():
    _, line, layout = drawn()
    assert line["x"] == line["y"] == [-1.0, 2.5]
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"] == [-1.0, 2.5]
    assert layout["yaxis"]["scaleanchor"] == "x"


def test_axes_say_metric_sample_and_unit():
    _, _, layout = drawn()
    assert layout["xaxis"]["title"]["text"] == "Sharpe ratio, annualised, in-sample"
    assert layout["yaxis"]["title"]["text"] == "Sharpe ratio, annualised, out-of-sample"


def test_fractions_are_shown_in_percent():
    heat, _, layout = drawn("fraction", x="return_frac_is", y="return_frac_oos")
    assert layout["xaxis"]["tickformat"] == ".0%"
    assert "in-sample 50.0 % to 100.0 %" in heat["customdata"][0][1]


def test_one_field_alone_can_be_drawn():
    heat, _, _ = drawn(cells=CELLS.head(1))
    assert (heat["x"], heat["y"], heat["z"]) == ([0.25], [-0.5], [[0.0]])
    assert heat["zmax"] == 1.0


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (0.21, "rank correlation +0.21 (in-sample results say little"),
        (-0.4, "rank correlation -0.40 (in-sample results say next to nothing"),
        (0.0, "rank correlation +0.00 (in-sample results say next to nothing"),
        (0.6, "rank correlation +0.60 (in-sample results say something"),
        (None, "no rank correlation"),
        (float("nan"), "no rank correlation"),
    ],
)
def test_the_caption_says_what_in_sample_results_are_worth(rank, words):
    assert words in density_caption({**REPORT, "rank_correlation": rank})


def test_the_caption_counts_what_is_shown_and_what_is_not():
    text = density_caption(REPORT)
    assert text.startswith("113 trials with both values; ")
    assert "4 trials without one of the two" in text
    assert "2 trials outside of the picture" in text
    assert "without" not in density_caption({**REPORT, "n_missing": 0})


def test_the_table_has_the_fullest_field_first():
    assert density_table(REPORT)["n"].to_list() == [100, 10, 1]
