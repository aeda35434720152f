"""Rows and the table: ratios run by run, limits, and the block of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradingkb.bench.rows import Findings, Row, by_turns
from tradingkb.bench.table import BEGIN, END, PAGE, markdown, shown, write_block
from tradingkb.exceptions import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def row(ours=(2.0, 8.0, 3.0), peer=(1.0, 2.0, 1.0), limit=3.0) -> Row:
    return Row("part", "what", "peer", "ms", ours, peer, limit)


def test_the_ratio_is_the_median_of_the_ratios_of_neighbouring_runs():
    assert row().ratios == (2.0, 4.0, 3.0)
    assert row().ratio == 3.0


def test_one_limit_serves_every_run():
    assert row(peer=(2.0,)).ratios == (1.0, 4.0, 1.5)


@pytest.mark.parametrize(
    ("limit", "met"), [(3.0, True), (2.9, False), (None, None)], ids=["kept", "missed", "none"]
)
def test_a_limit_is_met_by_the_median(limit, met):
    assert row(limit=limit).met is met


def test_a_peer_that_is_not_installed_leaves_a_row_without_figures():
    text = markdown({}, [Findings([Row("part", "what", "peer is **not installed**", "ms")])])
    assert "| part | what |  | peer is **not installed** |  |  |  |  |  |" in text


def test_the_table_shows_both_figures_their_ratio_and_whether_the_limit_holds():
    text = markdown({"machine": "two cores"}, [Findings([row()], ["a note"])])
    assert "- machine: two cores" in text
    assert "| part | what | 3.00 ms | 1.00 ms: peer | 3.00 | 2.20 to 3.80 | 3 | ≤ 3 | yes |" in text
    assert text.endswith("- a note")


def test_a_missed_limit_catches_the_eye():
    assert "| ≤ 2 | **no** |" in markdown({}, [Findings([row(limit=2.0)])])


def test_a_single_run_has_no_spread():
    assert "| 2.00 |  | 1 |" in markdown({}, [Findings([row((2.0,), (1.0,))])])


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (123.4, "123"), (12_345.6, "12,346")],
)
def test_a_figure_has_three_significant_digits(figure, text):
    assert shown(figure) == text


def test_ours_and_the_peer_take_turns():
    calls: list[str] = []
    took = by_turns(lambda: calls.append("ours"), lambda: calls.append("peer"), 2, warm=1)
    assert calls == ["ours", "peer"] * 3
    assert [len(figures) for figures in took] == [2, 2]


def test_writing_replaces_what_stands_between_the_markers(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_block(path, "new")
    assert path.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{BEGIN}{END}{END}"])
def test_a_file_without_its_markers_is_left_alone(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="exactly once"):
        write_block(path, "new")
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.md cannot be read"):
        write_block(tmp_path / "none.md", "new")


def test_the_page_has_the_markers_once():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert (text.count(BEGIN), text.count(END)) == (1, 1)
