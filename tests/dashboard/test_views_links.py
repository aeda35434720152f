"""What of a link a form did not take."""

from __future__ import annotations

import pytest

from dashboard.views.links import left_out


@pytest.mark.parametrize(
    ("value", "texts", "took"),
    [
        ("Stated", ["Stated"], True),
        ("Any", ["Mars"], False),
        (0.3, ["0.30"], True),
        (None, ["7"], False),
        (20, ["lots"], False),
        (0, ["0"], True),
        (["uptrend"], ["uptrend"], True),
        (["uptrend"], ["uptrend", "sideways"], False),
        ([], ["sideways"], False),
        ("", [""], True),
        (None, [""], True),
    ],
)
def test_a_value_is_left_out_where_the_field_holds_another(value, texts, took):
    assert left_out({"x": texts}, {"x": value}) == ([] if took else [f"x={','.join(texts)}"])


def test_a_field_that_is_not_shown_leaves_nothing_out():
    assert left_out({"tags": ["sideways"]}, {}) == []


def test_a_long_value_is_shortened():
    (text,) = left_out({"x": ["y" * 500]}, {"x": None})
    assert len(text) < 100
