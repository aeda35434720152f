from __future__ import annotations

import re
import sys

import pytest

from tradingkb.presentation.answers import Section, answer_section, html_report

HOSTILE = "<script>alert('x')</script>"


def without_plotly_js(report: str) -> str:
    from plotly.offline import get_plotlyjs

    return report.replace(get_plotlyjs(), "")


@pytest.fixture
def report(ok, degraded, none) -> str:
    ingest = Section("What went in", "<p>20,000 trials</p>")
    return html_report("Demo", [ingest, *map(answer_section, (ok, degraded, none))])


def test_the_page_asks_no_outside_host_for_anything(report):
    page = without_plotly_js(report)
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "MathJax" not in page


def test_plotly_js_is_inside_exactly_once(report):
    from plotly.offline import get_plotlyjs

    assert report.count(get_plotlyjs()) == 1


def test_every_answer_has_a_row_at_the_top_that_leads_to_its_card(report):
    for anchor in ("part-2", "part-3", "part-4"):
        assert f'href="#{anchor}"' in report
        assert f'id="{anchor}"' in report
    assert report.count('class="tkb-card ') == 3


def test_an_answer_without_evidence_has_no_empty_figure(report):
    assert 'id="part-3-figure"' in report
    assert 'id="part-4-figure"' not in report


def test_the_best_trials_are_at_most_fifteen(report):
    assert "The 15 best of 20 listed nominations" in report
    assert "wf-00014" in report
    assert "wf-00015" not in report


def test_parts_keep_their_order_and_their_html(report):
    assert "<p>20,000 trials</p>" in report
    places = [report.index(text) for text in ("What went in", "part-2-figure", "How to read")]
    assert places == sorted(places)


def test_hostile_names_come_out_escaped(make, ok):
    trials = make(strategy_name=HOSTILE, symbol=HOSTILE, params={"mode": HOSTILE})
    trials["trials"] = [
        {**row, "source_id": HOSTILE, "tags": [HOSTILE], "tie_break": HOSTILE}
        for row in trials["trials"]
    ]
    trials["evidence"] = [{**row, "symbol": HOSTILE} for row in trials["evidence"]]
    page = without_plotly_js(html_report(HOSTILE, [answer_section(trials)]))
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script>")
    assert page.count("</script>") == 3


def test_without_plotly_the_report_is_written_and_says_what_is_missing(ok, monkeypatch):
    for name in ("plotly", "plotly.offline", "plotly.graph_objects", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    page = html_report("Demo", [answer_section(ok)])
    assert "plotly is not installed" in page
    assert "Best trials" in page
    assert "<script" not in page


def test_a_report_without_answers_is_small_and_brings_no_script():
    page = html_report("Demo", [Section("Only this", "<p>x</p>")])
    assert "<script" not in page
    assert "All answers" not in page


def test_equal_answers_give_equal_reports(make):
    first, second = (html_report("t", [answer_section(make(request_id=i))]) for i in "ab")
    assert first == second
