from __future__ import annotations

import sys

import pytest

from tradingkb.exceptions import ConfigurationError
from tradingkb.presentation.figure import evidence_figure
from tradingkb.presentation.figure_data import by_neighbourhood, marker_sizes


def points(figure):
    return [t for t in figure.data if t.type == "scatter" and t.mode == "markers"]


def test_every_window_is_drawn_once_over_time_and_once_by_regime(ok):
    figure = evidence_figure(ok)
    assert sum(len(t.x) for t in points(figure)) == 156
    assert sum(len(t.y) for t in figure.data if t.type == "box") == 156


def test_own_and_other_windows_differ_in_colour_and_in_shape(ok):
    other, own = points(evidence_figure(ok))
    assert (other.name, own.name) == ("other markets (n=117)", "AAPL 1d (n=39)")
    assert other.marker.color != own.marker.color
    assert other.marker.symbol != own.marker.symbol


def test_title_and_axes_say_objective_unit_and_sample_size(ok):
    figure = evidence_figure(ok)
    assert figure.layout.title.text == (
        "<b>sma_cross</b>: sharpe (annualised) per window, n = 156 windows"
    )
    assert figure.layout.yaxis.title.text == "sharpe per window (annualised)"
    assert "UTC" in figure.layout.xaxis.title.text


def test_a_fraction_is_drawn_in_percent(make, ok):
    expected = {**ok["expected"], "unit": "fraction"}
    figure = evidence_figure(make(objective_type="return", expected=expected))
    assert figure.layout.yaxis.tickformat == ".0%"
    assert "(%)" in figure.layout.title.text


def test_expectation_interval_and_defaults_are_named_in_the_legend(ok):
    names = [t.name for t in evidence_figure(ok).data]
    assert "expected 0.84 (0.51 to 1.17)" in names
    assert "defaults 0.38" in names


def test_a_larger_weight_never_gives_a_smaller_mark(ok):
    rows = sorted(ok["evidence"], key=lambda row: row["weight"])
    sizes = marker_sizes(rows)
    assert sizes == sorted(sizes)
    assert marker_sizes([{"weight": 1.0}, {"weight": 1.0}]) == [8.0, 8.0]


def test_no_window_of_the_rest_is_nearer_than_one_of_the_neighbourhood(ok):
    near, rest = by_neighbourhood(ok["evidence"])
    assert len(near.rows) + len(rest.rows) == 156
    assert max(r["regime_distance"] for r in near.rows) < min(
        r["regime_distance"] for r in rest.rows
    )


def test_without_a_regime_all_windows_are_one_group(ok):
    rows = [{**row, "regime_distance": None} for row in ok["evidence"]]
    assert [len(group.rows) for group in by_neighbourhood(rows)] == [156]


def test_an_answer_of_none_is_a_figure_that_says_why(none):
    figure = evidence_figure(none)
    text = figure.layout.annotations[0].text
    assert not figure.data
    assert "No parameters are defensible" in text
    assert "no trial passed the strict filters" in text


def test_parameters_that_were_never_tried_are_a_figure_that_says_so(make, ok):
    figure = evidence_figure({**ok, "evidence": []})
    assert "No window tried exactly these parameters" in figure.layout.annotations[0].text


def test_markup_in_a_name_is_text_in_the_figure(make):
    figure = evidence_figure(make(strategy_name='<a href="http://evil">x</a>', symbol="<b>"))
    assert "<a" not in figure.layout.title.text
    assert all("<b>" not in (t.name or "") for t in figure.data)


def test_equal_answers_give_equal_figures(make):
    assert evidence_figure(make(request_id="a")) == evidence_figure(make(request_id="b"))


def test_without_plotly_the_error_names_what_to_install(ok, monkeypatch):
    for name in ("plotly", "plotly.graph_objects", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'tradingkb\[notebooks\]'"):
        evidence_figure(ok)
