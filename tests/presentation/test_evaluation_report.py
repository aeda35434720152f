from __future__ import annotations

import re
import sys

import pytest

from tradingkb.presentation.evaluation_report import evaluation_report

HOSTILE = "<script>alert('x')</script>"
NAN = float("nan")


def without_plotly_js(report: str) -> str:
    from plotly.offline import get_plotlyjs

    return report.replace(get_plotlyjs(), "")


def visible(report: str) -> str:
    """The page's text, without scripts, styles and tags."""
    page = re.sub(r"(?s)<(script|style).*?</\1>", "", report)
    return re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ")


def section(report: str, anchor: str) -> str:
    """The HTML of one section."""
    found = re.search(rf'(?s)<section id="{anchor}">.*?</section>', without_plotly_js(report))
    return found.group() if found else ""


@pytest.fixture
def page(evaluation) -> str:
    return evaluation_report(evaluation)


@pytest.fixture(scope="module")
def real_path(sample_evaluation, tmp_path_factory):
    return sample_evaluation.to_html(tmp_path_factory.mktemp("report") / "new" / "report.html")


@pytest.fixture(scope="module")
def real(real_path) -> str:
    return real_path.read_text(encoding="utf-8")


def test_to_html_creates_the_folder_and_returns_the_path(real_path, real):
    assert real_path.name == "report.html"
    assert real.startswith("<!DOCTYPE html>")


def test_the_page_asks_no_outside_host_for_anything(real):
    page = without_plotly_js(real)
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "MathJax" not in page


def test_every_method_of_a_real_evaluation_has_its_interval_and_meaning(real, sample_evaluation):
    table = section(real, "methods")
    rows = re.findall(r"(?s)<tr>.*?</tr>", table)
    for method, meaning in sample_evaluation.to_dict()["methods"].items():
        row = next(r for r in rows if f">{method}</code>" in r)
        assert re.search(r"[+−]0\.\d{3} to [+−]0\.\d{3}", row), method
        assert meaning.replace("'", "&#x27;") in section(real, "meaning")


def test_a_variant_is_compared_with_what_it_was_made_from(sample_evaluation):
    table = {row["method"]: row for row in sample_evaluation.table.to_dicts()}
    for method, original in (("placebo", "tradingkb"), ("random_windows", "knn")):
        row = table[method]
        expected = row["regret"] - table[original]["regret"]
        assert row[f"vs_{original}"] == pytest.approx(expected)
        assert row[f"vs_{original}_low_symbol"] <= expected <= row[f"vs_{original}_high_symbol"]


def test_a_real_page_never_prints_nan_or_none(real):
    assert not re.search(r"\b(nan|None|NaN)\b", visible(real))


def test_every_link_leads_to_a_section(page):
    targets = re.findall(r'href="#([^"]+)"', without_plotly_js(page))
    assert targets == [
        "replayed",
        "methods",
        "strategy",
        "timeframe",
        "status",
        "regime",
        "controls",
        "window",
        "confidence",
        "read",
        "meaning",
        "weights",
    ]
    for target in targets:
        assert section(page, target)


def test_the_top_says_what_was_replayed_and_what_came_of_it(page):
    text = visible(section(page, "replayed"))
    for shown in (
        "100 decisions (90 that every method made) on 50 windows of 2 symbols in 40 quarters",
        "The recommender is better than the plain average by symbol",
        "2010-01-04 to 2019-10-01",
        "AAPL, IBM",
        "at most 100 decisions",
        "2026-01-02 03:04 (UTC)",
        "sharpe (annualised)",
    ):
        assert shown in text


def test_the_recommenders_intervals_stand_side_by_side_with_their_clusters(page):
    text = visible(section(page, "methods"))
    for head in ("95 % by symbol (n = 2)", "95 % by window date (n = 45)", "by quarter (n = 40)"):
        assert head in text
    for bounds in ("−0.030 to −0.010", "−0.050 to +0.010", "−0.070 to +0.030"):
        assert bounds in text


def test_methods_with_hindsight_and_controls_are_marked(page):
    rows = re.findall(r"(?s)<tr>.*?</tr>", section(page, "methods"))
    marked = {m: next(r for r in rows if f">{m}</code>" in r) for m in ("stated", "average")}
    assert ">hindsight<" in marked["stated"]
    assert ">hindsight<" not in marked["average"]
    assert ">control<" in "".join(rows)


def test_a_difference_is_strong_only_where_its_interval_leaves_out_zero(evaluation):
    evaluation["table"][0]["vs_average_high_symbol"] = 0.001
    table = section(evaluation_report(evaluation), "methods")
    row = next(r for r in re.findall(r"(?s)<tr>.*?</tr>", table) if ">tradingkb</code>" in r)
    assert "<strong>−0.020</strong>" not in row
    assert "<strong>−0.030</strong>" in row


def test_the_controls_say_what_they_should_show_and_what_they_do(page):
    text = visible(section(page, "controls"))
    assert "A control should be worse than what it imitates" in text
    assert "A placebo regime is not told apart from the recommender." in text
    assert (
        "Drawing windows at random is worse than the nearest windows by symbol, but not by window "
        "date or quarter." in text
    )


def test_without_controls_the_page_says_so(evaluation):
    kept = [r for r in evaluation["table"] if r["method"] not in ("placebo", "random_windows")]
    page = evaluation_report({**evaluation, "table": kept})
    assert "No control was replayed." in page


def test_the_spread_of_windows_is_compared_with_what_it_should_hold(page):
    text = visible(section(page, "window"))
    assert "Of 80 outcomes 75.0 % fell inside, 5.0 points fewer than should." in text


def test_groups_that_are_missing_are_left_out(evaluation):
    page = evaluation_report({**evaluation, "groups": {}, "coverage": []})
    for anchor in ("strategy", "timeframe", "status"):
        assert f'"#{anchor}"' not in without_plotly_js(page)
        assert not section(page, anchor)


def test_groups_are_called_what_a_reader_calls_them(page):
    text = visible(section(page, "status"))
    assert "relaxed filters" in text
    assert "strict filters" in text
    assert "unknown" in visible(section(page, "timeframe"))
    assert not re.search(r"\b(True|False|None)\b", text)


def test_an_evaluation_without_common_decisions_is_a_page_that_says_so(evaluation):
    empty = {"table": [], "groups": {}, "n_common": 0, "methods": {}}
    nothing = {"n": 0, "inside": NAN, "below": NAN, "above": NAN}
    page = evaluation_report({**evaluation, **empty, "window_interval": nothing})
    assert "There is no decision that every method made" in page
    assert "nan" not in visible(page).lower()


def test_an_uncalibrated_confidence_says_why(evaluation):
    page = evaluation_report(evaluation)
    assert "too few decisions" in section(page, "confidence")
    kept = [row for row in evaluation["table"] if row["method"] != "defaults"]
    page = evaluation_report({**evaluation, "table": kept, "calibration": None})
    assert "no strategy declares defaults" in section(page, "confidence")


def test_a_confidence_is_shown_beside_what_happened_with_its_score(evaluation, calibration):
    page = evaluation_report({**evaluation, "calibration": calibration})
    text = " ".join(visible(section(page, "confidence")).split())
    for shown in (
        "Over 100 choices of 12 quarters it said 53.0 %, and 54.0 % of them did",
        "(90 % interval 48.0 % to 60.0 %)",
        "Its Brier score, the mean squared error, is 0.2450",
        "which only hindsight knows, scores 0.2480",
    ):
        assert shown in text


def test_the_weights_in_force_are_listed(page):
    text = " ".join(visible(section(page, "weights")).split())
    assert "own 10 few_trades 0.15" in text


def test_without_plotly_the_page_is_written_and_says_what_is_missing(evaluation, monkeypatch):
    for name in ("plotly", "plotly.offline", "plotly.graph_objects", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    page = evaluation_report(evaluation)
    assert "plotly is not installed" in page
    assert "<script" not in page
    assert "Methods side by side" in page


def test_hostile_names_come_out_escaped(evaluation):
    for row in evaluation["groups"]["strategy"]:
        row["strategy"] = HOSTILE + str(row["n"])
    evaluation["request"]["symbols"] = (HOSTILE,)
    page = evaluation_report({**evaluation, "workspace": HOSTILE, "objective": HOSTILE})
    assert "<script>alert" not in without_plotly_js(page)


def test_equal_evaluations_give_equal_pages(evaluation):
    assert evaluation_report(evaluation) == evaluation_report(dict(evaluation))
