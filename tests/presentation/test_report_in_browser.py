"""A report as its readers have it: a file, a browser, and no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.served import CHROMIUM, browser, watched, window
from tests.presentation.reported import CELLS, MIMETYPE, code, displayed, ended, figure
from tradingkb.presentation import runbook_report

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: `make system` installs it"
)
CLEAN = [
    {"cell_type": "markdown", "source": "# Title\n\n## Plan"},
    code(displayed(figure=figure("one")), displayed(figure=figure("two"))),
    code(displayed(html="<table><tr><td>cell</td></tr></table>")),
]


@pytest.fixture(scope="module")
def offline() -> Iterator[Any]:
    with browser() as found:
        context = window(found)
        context.set_offline(True)
        yield context


def opened(context: Any, path: Path, cells: Any) -> tuple[Any, Any]:
    path.write_text(runbook_report("Title", ended(), cells, hidden=MIMETYPE), encoding="utf-8")
    page, seen = watched(context, path.as_uri())
    page.on("requestfailed", lambda asked: seen.errors.append(f"{asked.url}: {asked.failure}"))
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 6")
    return page, seen


def test_every_chart_is_drawn_without_an_error_or_a_request(offline: Any, tmp_path: Path) -> None:
    page, seen = opened(offline, tmp_path / "report.html", CLEAN)
    assert page.locator(".js-plotly-plot").count() == 2
    assert page.locator(".gtitle").all_text_contents() == ["one", "two"]
    assert (seen.errors, seen.outside) == ([], [])


def test_whatever_an_output_brings_along_does_not_run(offline: Any, tmp_path: Path) -> None:
    page, seen = opened(offline, tmp_path / "report.html", CELLS)
    assert page.evaluate("window.harm") is None
    refused = ("Content Security Policy", f"{tmp_path.as_uri()}/x: csp")
    assert all(any(text in error for text in refused) for error in seen.errors)
    assert seen.outside in ([], [f"{tmp_path.as_uri()}/x"])
