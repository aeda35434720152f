from __future__ import annotations

import pytest

from tradingkb.presentation.evaluation_figures import forest_figure, group_figure


def test_the_forest_draws_each_method_once_per_kind_of_cluster(evaluation):
    figure = forest_figure(evaluation)
    drawn = len(evaluation["table"]) - 2  # neither the reference nor the oracle
    assert [len(trace.x) for trace in figure.data] == [drawn] * 3
    assert [t.name for t in figure.data] == [
        "by symbol (n = 2)",
        "by window date (n = 45)",
        "by quarter (n = 40)",
    ]
    assert len({trace.marker.symbol for trace in figure.data}) == 3


def test_the_forests_bars_end_where_the_intervals_do(evaluation):
    trace = forest_figure(evaluation).data[1]  # by date: 0.03 to both sides
    assert trace.error_x.array == pytest.approx([0.03] * len(trace.x))
    assert trace.error_x.arrayminus == pytest.approx([0.03] * len(trace.x))
    assert trace.x[-1] == pytest.approx(-0.02)  # the recommender, at the top


def test_a_method_without_an_interval_is_a_point(evaluation):
    evaluation["table"][0]["vs_average_low_symbol"] = float("nan")
    trace = forest_figure(evaluation).data[0]
    assert trace.error_x.array[-1] == 0.0


def test_axes_say_unit_and_sample_size(evaluation):
    forest = forest_figure(evaluation).layout.xaxis.title.text
    assert "difference of mean regret" in forest
    assert "n = 90 decisions" in forest
    dots = group_figure(evaluation, "strategy")
    assert "0 best, 1 worst" in dots.layout.xaxis.title.text
    assert set(dots.data[0].y) == {"rsi<br>n = 40", "sma<br>n = 50"}


def test_the_dots_of_methods_differ_in_colour_and_in_shape(evaluation):
    marks = [trace.marker for trace in group_figure(evaluation, "strategy").data]
    assert len({mark.color for mark in marks}) == len({mark.symbol for mark in marks}) == 5


def test_the_name_of_a_method_with_hindsight_says_so(evaluation):
    names = [trace.name for trace in group_figure(evaluation, "strategy").data]
    assert "stated (hindsight)" in names
    assert "tradingkb" in names
    assert "stated<br>(hindsight)" in forest_figure(evaluation).layout.yaxis.ticktext


def test_a_method_that_was_not_replayed_is_not_drawn(evaluation):
    for row in evaluation["groups"]["strategy"]:
        del row["defaults"]
    assert "defaults" not in [t.name for t in group_figure(evaluation, "strategy").data]
