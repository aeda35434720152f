from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tradingkb.ingest import IngestReport
from tradingkb.presentation.ingest import ingest_card

HOSTILE = "<script>alert('x')</script>"
REMEDY = "use one of tune, sweep, ablation, manual, or leave the column out"


def report(**changes: Any) -> IngestReport:
    rejects = {"row": range(1, 8), "field": "n", "message": HOSTILE, "remedy": REMEDY}
    given = {
        "run_id": "r",
        "workspace": "default",
        "source": HOSTILE,
        "dry_run": False,
        "rows": 1240,
        "inserted": 1233,
        "updated": 0,
        "skipped": 0,
        "unarchived": 0,
        "error": 7,
        "not_eligible": 0,
        "not_embedded": 0,
        "windows": 1200,
        "windows_measured": 0,
        "collection": "c",
        "embed_model": "m",
        "notes": (HOSTILE,),
        "rejects": pl.DataFrame(rejects),
        "rejects_path": None,
        "duration_s": 0.1,
    }
    return IngestReport(**{**given, **changes})


def test_trials_are_counted_by_what_happened_to_them():
    card = ingest_card(report().to_dict())
    assert "<b>1,233</b> inserted" in card
    assert "<b>7</b> error" in card
    assert "1,200 windows" in card


@pytest.mark.parametrize(("dry_run", "title"), [(True, "Ingest (dry run)"), (False, "Ingest")])
def test_a_dry_run_is_called_one(dry_run, title):
    assert f"<b>{title}</b>" in ingest_card(report(dry_run=dry_run).to_dict())


def test_the_first_problems_are_shown_with_their_whole_remedies():
    card = ingest_card(report().to_dict())
    assert card.count(REMEDY) == 5
    assert "<table" in card.split("</table>")[1]


def test_without_notes_and_problems_neither_has_a_place():
    card = ingest_card(report(notes=(), rejects=report().rejects.clear()).to_dict())
    assert "<ul" not in card
    assert card.count("<table") == 1


def test_what_others_wrote_comes_out_escaped():
    card = report()._repr_html_()
    assert "<script" not in card
    assert card.count("&lt;script&gt;") == 7
