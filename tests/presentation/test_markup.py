from __future__ import annotations

from tradingkb.presentation.markup import cell, definitions, el, prose, table, wide

HOSTILE = "<script>alert('x')</script>"


def test_what_comes_from_data_is_escaped_wherever_it_stands():
    made = (
        el("p", title=HOSTILE),
        table([{HOSTILE: "1"}]),
        definitions({HOSTILE: HOSTILE}),
        cell(HOSTILE),
        prose(f"`{HOSTILE}`"),
    )
    for html in made:
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_each_cell_carries_the_name_of_its_column():
    assert table([{"a": "1", "b": "2"}]) == (
        '<table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        '<tbody><tr><td data-label="a">1</td><td data-label="b">2</td></tr></tbody></table>'
    )


def test_a_table_without_rows_is_nothing():
    assert table([]) == wide([]) == ""


def test_a_number_that_does_not_exist_is_a_dash():
    assert "–" in cell("")
