"""The grid as Plotly reads it."""

from __future__ import annotations

import json

import pytest

from dashboard.views.grid import EARNED, grid, mark
from dashboard.views.grid_figure import grid_figure, size, text_on
from tests.dashboard.grids import LOOK, report, shown


def drawn(of, marks=()):
    found = grid_figure(of, list(marks), LOOK)
    traces = {t.get("name", t["type"] + t.get("mode", "")): t for t in found["data"]}
    return found, traces


def wide(n: int):
    cells = tuple((float(k), float(j), 0.1 * k, 0.0, 1.0, 50) for k in range(n) for j in range(n))
    return shown(cells)


def test_white_is_break_even_and_the_legend_reaches_as_far_as_values_do():
    _, traces = drawn(shown())
    heat = traces["heatmap"]
    assert (heat["zmin"], heat["zmax"]) == (-0.2, 0.5)
    assert heat["colorscale"][1] == [pytest.approx(0.2 / 0.7), "#f7f7f7"]
    assert heat["colorscale"][-1] == [1.0, "#0072b2"]


def test_as_far_below_break_even_a_value_is_as_strong_as_above():
    cells = ((1.0, 1.0, -0.2, -0.3, -0.1, 9), (2.0, 1.0, 0.4, 0.3, 0.5, 9))
    _, traces = drawn(shown(cells))
    assert traces["heatmap"]["colorscale"][0] == [0.0, "#e6ab7c"]  # halfway to orange


def test_a_legend_of_gains_alone_begins_at_break_even():
    gains = ((1.0, 1.0, 3.0, 2.0, 4.0, 9), (2.0, 1.0, 5.0, 4.0, 6.0, 9))
    _, traces = drawn(grid(report(gains), EARNED, 1.0))
    heat = traces["heatmap"]
    assert (heat["zmin"], heat["zmax"]) == (1.0, 5.0)
    assert heat["colorscale"] == [[0.0, "#f7f7f7"], [1.0, "#0072b2"]]


def test_values_that_are_all_break_even_are_white():
    _, traces = drawn(shown(((1.0, 1.0, 0.0, 0.0, 0.0, 9),)))
    heat = traces["heatmap"]
    assert (heat["zmin"], heat["zmax"]) == (-1.0, 1.0)
    assert heat["colorscale"][1] == [0.5, "#f7f7f7"]


def test_the_better_end_of_the_colours_is_the_lower_one_where_less_is_better():
    _, traces = drawn(shown(direction="min"))
    scale = traces["heatmap"]["colorscale"]
    assert scale[1] == [pytest.approx(0.2 / 0.7), "#f7f7f7"]
    assert scale[-1] == [1.0, "#d55e00"]


def test_a_score_without_break_even_has_one_hue():
    _, traces = drawn(grid(report(), EARNED, None))
    assert [colour for _, colour in traces["heatmap"]["colorscale"]] == ["#deebf7", "#003f6b"]


def test_values_and_windows_stand_in_the_cells_and_clear_ones_are_bold():
    _, traces = drawn(shown())
    texts = dict(
        zip(
            zip(traces["scattertext"]["x"], traces["scattertext"]["y"], strict=True),
            traces["scattertext"]["text"],
            strict=True,
        )
    )
    assert texts[1, 0].startswith("<b>0.50</b><br>")
    assert "n 40" in texts[1, 0]
    assert texts[0, 0].startswith("0.10<br>")


def test_cells_with_few_windows_are_hatched_and_the_legend_says_below_how_many():
    _, traces = drawn(shown())
    hatch = traces["hatched: fewer than 10 windows"]
    inside = [(x, y) for x, y in zip(hatch["x"], hatch["y"], strict=True) if x is not None]
    assert len(inside) == 6
    assert all(-0.5 < x < 0.5 and 0.5 < y < 1.5 for x, y in inside)


def test_a_grid_that_every_window_has_tried_is_not_hatched():
    found, _ = drawn(wide(3))
    assert [t["type"] for t in found["data"]] == ["heatmap", "scatter"]


def test_marks_have_symbols_of_their_own_in_corners_of_their_own():
    marks = [
        mark("recommended", {"slow": 20, "fast": 5}, shown()),
        mark("defaults", {"slow": 20, "fast": 5}, shown()),
    ]
    _, traces = drawn(shown(), marks)
    star, diamond = traces["recommended"], traces["defaults"]
    assert (star["marker"]["symbol"], diamond["marker"]["symbol"]) == ("star", "diamond")
    assert star["x"][0] > 1 > diamond["x"][0]
    assert star["y"] == diamond["y"]


def test_a_mark_outside_of_the_grid_is_not_drawn():
    _, traces = drawn(shown(), [mark("defaults", {"slow": 21, "fast": 5}, shown())])
    assert "defaults" not in traces


def test_cells_are_square_and_numbers_leave_when_there_is_no_room():
    small, large = size(wide(3), []), size(wide(30), [])
    assert (small.numbers, small.counts) == (True, True)
    assert (large.numbers, large.counts) == (False, False)
    assert large.cell * 30 <= 520
    found, _ = drawn(wide(30))
    assert found["layout"]["yaxis"]["scaleanchor"] == "x"
    assert [t.get("mode") for t in found["data"]] == [None]


def test_a_grid_of_a_hundred_columns_still_has_cells():
    assert size(wide(100), []).cell == 16


@pytest.mark.parametrize(
    ("at", "colour"), [(0.0, "#111111"), (0.5, "#111111"), (1.0, "#ffffff"), (7.0, "#ffffff")]
)
def test_numbers_are_read_on_their_cells(at, colour):
    assert text_on(LOOK.diverging, at) == colour


def test_names_from_data_are_texts_and_not_tags():
    cells = (("<b onclick=x>", 5.0, 0.1, None, None, 5), ("a", 5.0, 0.1, None, None, 5))
    wild = grid(report(cells, p="<script>alert(1)</script>"), EARNED, 0.0)
    found, _ = drawn(wild, [mark("<i>", {"<script>alert(1)</script>": "a", "fast": 5}, wild)])
    text = json.dumps(found)
    assert "<script>" not in text
    assert "<b onclick" not in text
    assert "&lt;b onclick" in text
    assert "<i>" not in text
