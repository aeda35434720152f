"""A report says what came of a run on top, and no content of it runs or asks anybody."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.presentation.reported import CELLS, HARM, MIMETYPE, code, displayed, ended, figure
from tradingkb.presentation import runbook_report


def page(cells: Any = CELLS, **changes: Any) -> str:
    return runbook_report("Trial <ingestion>", ended(**changes), cells, hidden=MIMETYPE)


def visible(html: str) -> str:
    """Without scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)


def test_outcome_findings_actions_and_next_steps_come_before_the_notebook() -> None:
    found = visible(page())
    order = [
        "Trial &lt;ingestion&gt;",
        "Somebody has to decide.",
        "dry run: nothing was changed",
        ">warning</span> <code>fast</code> is odd",
        "n 1,200",
        ">failed</span>",
        "inserted: planned 12, was 3",
        "inserted 12",
        "inserted 3",
        "<code>tradingkb withdraw RUN_ID</code>",
        "undo ingest",
        "tradingkb runbook run 06 -p dry_run=false",
        "2024-03-31 12:00:00 UTC",
        "90.0 s",
        "7 of 7",
        "<code>workspace</code>",
        "The notebook",
        "<strong>Purpose.</strong>",
    ]
    places = [found.index(text) for text in order]
    assert places == sorted(places)
    assert "schedule" not in found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dry_run": False}, "changes were allowed"),
        ({"schedule": "daily", "slot": None}, "daily, due "),
        ({"error": "the `kernel` died"}, "the <code>kernel</code> died"),
    ],
)
def test_what_is_so_is_said(changes: dict[str, Any], said: str) -> None:
    assert said in page(**changes)


def test_an_error_leads_to_the_first_cell_that_shows_one() -> None:
    found = page(error="it broke")
    assert found.count('id="failed"') == 1
    assert 'href="#failed"' in found
    assert "ValueError: no" in found[found.index('id="failed"') :][:60]
    assert 'href="#failed"' not in page()


def test_each_output_is_shown_in_its_best_form_and_code_is_folded() -> None:
    found = visible(page())
    for text in (
        "<summary>Code 3, 2.0 s</summary>",
        "<summary>Code, not executed</summary>",
        "<pre>bold ",
        "<td>cell</td>",
        "<em>said</em>",
        "data:image/png;base64,aGVsbG8=",
        "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
        "&quot;a&quot;: [",
        "<pre>repr ",
        "<th>a</th>",
        "<h3>Plan</h3>",
    ):
        assert text in found, text
    for text in ("not this", "said on top", "\x1b", MIMETYPE, "<h1>Title"):
        assert text not in found, text


def test_no_script_runs_but_those_that_draw_the_figures() -> None:
    found = page()
    (nonce,) = set(re.findall(r"script-src 'nonce-(\w+)'", found))
    own = [tag for tag in re.findall(r"<script[^>]*>", found) if "nonce" in tag]
    # Two figures, plotly.js once, and the ink of the page.
    assert own == [f'<script nonce="{nonce}">'] * 4
    assert "default-src 'none'" in found
    assert "unsafe-inline'; img" in found
    # Of HTML that a cell has displayed not even the policy has to be in the way.
    assert HARM not in found


def test_it_asks_no_other_host_for_anything() -> None:
    found = visible(page())
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", found)
    assert "mathjax" not in found.lower()
    assert "require" not in found.lower()


def test_without_figures_there_is_no_script_at_all() -> None:
    found = page([code(displayed(plain="1"))])
    assert "<script" not in found
    assert len(found) < 30_000


def test_figures_are_drawn_on_the_page_with_their_own_height() -> None:
    found = page([code(displayed(figure=figure("one")))])
    assert 'id="figure-1" class="plotly-graph-div" style="height:300px"' not in found
    assert re.search(r'<div class="plotly-graph-div" id="figure-1" style="height:300px"', found)
    call = found[found.index('Plotly.newPlot("figure-1"') :]
    assert '"paper_bgcolor": "rgba(0,0,0,0)"' in call[:600]
    assert "\\u003cscript>" in call[:600]


def test_a_long_text_loses_its_middle() -> None:
    text = "a" * 100_000 + "b"
    found = visible(page([code({"output_type": "stream", "name": "stdout", "text": text})]))
    assert "40,001 characters left out" in found
    assert found.count("a" * 1000) > 0
    assert "b</pre>" in found


def test_a_run_without_a_result_has_a_report_too() -> None:
    run = {**ended(), "result": None, "outcome": "failed", "error": "it died", "ended_at": None}
    found = runbook_report("Title", run, [], hidden=MIMETYPE)
    assert "it died" in found
    assert "Findings" not in found
