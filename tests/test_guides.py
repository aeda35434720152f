"""The guides: executed, clean, short, with charts that say what they show, and found by a reader.

Whether their outputs are those of today nbval compares, in `make test`. It compares nothing in a
notebook that was never executed; so these rules come first.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks" / "guides"
GUIDES = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.ipynb"))}
#: A quant reads some 250 words a minute, and looks at the outputs besides.
MOST_WORDS = 650
MOST_BYTES = 300_000

every_guide = pytest.mark.parametrize("name", GUIDES)


def cells(name: str, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in GUIDES[name]["cells"] if cell["cell_type"] == kind]


def sources(name: str, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(name, kind)]


def outputs(name: str) -> list[dict[str, Any]]:
    return [output for cell in cells(name, "code") for output in cell["outputs"]]


def shown(name: str) -> str:
    """Every text of every output."""
    found = []
    for output in outputs(name):
        texts = [output.get("text", []), *output.get("data", {}).values()]
        found += ["".join(text) for text in texts]
    return "\n".join(found)


def test_there_are_nine_guides_in_the_order_in_which_they_are_read():
    assert [name.split("_")[0] for name in GUIDES] == [f"{n:02}" for n in range(1, 10)]


@every_guide
def test_a_guide_was_executed_from_its_first_cell_to_its_last(name):
    counts = [cell["execution_count"] for cell in cells(name, "code")]
    assert counts == list(range(1, len(counts) + 1))
    assert GUIDES[name]["metadata"]["kernelspec"]["name"] == "python3"


@every_guide
def test_every_output_of_a_guide_is_compared(name):
    assert [c["metadata"] for c in cells(name, "code") if c["metadata"]] == []
    assert re.findall(r"NBVAL_\w+|raises-exception", "\n".join(sources(name, "code"))) == []


@every_guide
def test_a_guide_shows_no_error_and_no_warning(name):
    kinds = {(output["output_type"], output.get("name")) for output in outputs(name)}
    assert {kind for kind in kinds if "error" in kind or "stderr" in kind} == set()


@every_guide
def test_a_guide_says_nothing_that_another_machine_would_say_otherwise(name):
    text = (FOLDER / name).read_text("utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert re.findall(r"/(?:home|root|tmp|Users|work|var)/", text) == []
    assert re.findall(r"[A-Z]:\\\\|\.\./\.\./data", shown(name)) == []
    assert re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-|0x[0-9a-f]{6,}|127\.0\.0\.1", shown(name)) == []
    assert re.findall(r"\d+(?:\.\d+)? ?(?:ms|µs)\b|\d(?:it|rows)/s", shown(name)) == []


@every_guide
def test_the_times_in_a_guide_are_those_of_its_sample_and_of_its_own_clock(name):
    code = "\n".join(sources(name, "code"))
    assert set(re.findall(r"\b\d\d:\d\d\b(?!:)", shown(name))) <= {"00:00"}
    for year, month, _ in re.findall(r"\b(20[2-9]\d)-(\d\d)-(\d\d)", shown(name)):
        assert f"datetime({year}, {int(month)}," in code


@every_guide
def test_a_guide_begins_with_what_one_will_know_and_ends_with_where_to_read_on(name):
    first, *_, last = sources(name, "markdown")
    assert first.startswith(f"# {int(name[:2])}. ")
    assert "**At the end you know**" in first
    assert last.split("\n")[0] == "## Where to read on"
    assert "](" in last
    heads = re.findall(r"^#+ .*$", "\n".join(sources(name, "markdown")), re.MULTILINE)
    assert [head for head in heads[1:] if not head.startswith("## ")] == []


@every_guide
def test_a_guide_is_read_in_two_minutes(name):
    assert len(" ".join(sources(name, "markdown")).split()) <= MOST_WORDS


@every_guide
def test_a_link_of_a_guide_leads_to_a_file_and_to_a_heading_in_it(name):
    for target in re.findall(r"\]\(([^):]+)\)", "\n".join(sources(name, "markdown"))):
        file, _, anchor = target.partition("#")
        assert (FOLDER / file).exists(), target
        heads = re.findall(r"^#+ (.*)$", (FOLDER / file).read_text("utf-8"), re.MULTILINE)
        assert not anchor or anchor in {head.lower().replace(" ", "-") for head in heads}, target


@every_guide
def test_a_chart_says_how_many_it_shows_and_in_what_unit(name):
    drawn = [
        o["data"]["image/svg+xml"] for o in outputs(name) if "image/svg+xml" in o.get("data", {})
    ]
    for svg in map("".join, drawn):
        assert re.search(r"<title>[^<]*\(?n ?= ?[\d(w]", svg)
        texts = re.findall(r"<text[^>]*>([^<]+)<", svg)
        assert any(
            re.search(r"Sharpe|trials|windows|correlation|regret", text) for text in texts[1:]
        )
    assert not any("plotly" in kind for o in outputs(name) for kind in o.get("data", {}))


def test_charts_and_cards_are_in_the_guides_that_are_read_first():
    for name in list(GUIDES)[:4]:
        kinds = {kind for output in outputs(name) for kind in output.get("data", {})}
        assert {"image/svg+xml", "text/html"} <= kinds


@pytest.mark.parametrize("page", ["README.md", "notebooks/reference/index.md"])
def test_a_page_where_readers_begin_lists_every_guide(page):
    linked = re.findall(r"guides/(\w+\.ipynb)\)", (ROOT / page).read_text("utf-8"))
    assert list(dict.fromkeys(linked)) == list(GUIDES)
