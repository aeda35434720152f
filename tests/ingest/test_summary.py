"""A run's report counts every trial in scope once, and says what the user should know."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.ingest.scopes import (
    CALM,
    REJECTS,
    batch,
    before,
    frame,
    incoming,
    scope,
    stored,
    windows,
)
from tradingkb.indexing import Recipe
from tradingkb.ingest.report import IngestReport
from tradingkb.ingest.scope import Scope
from tradingkb.ingest.summary import Planned, Tally, summarize

RECIPE = Recipe("m", "m/1", "c")
SCHEMA = {"action": pl.String, "regime_is": pl.String, "regime_oos": pl.String}


def plan(*actions: str, regime: str | None = CALM) -> pl.DataFrame:
    return frame([{"action": name, "regime_is": regime} for name in actions], SCHEMA)


def report(run: Scope, tally: Tally | None = None, **more: Any) -> IngestReport:
    facts = {"dry_run": False, "rejects_path": None, **more}
    return summarize(run, RECIPE, tally or Tally(), began=0.0, **facts)


# --- counting -------------------------------------------------------------------------------------

PLANS = [
    Planned(4, plan("inserted", "inserted", "skipped")),
    Planned(2, plan("updated", "skipped", regime=None)),
    Planned(1, plan("unarchived")),
    Planned(3, plan()),
]


def tally_of(plans: Any) -> Tally:
    tally = Tally()
    for planned in plans:
        tally = tally.plus(planned)
    return tally


def test_trials_are_counted_by_what_happens_to_them_over_all_plans() -> None:
    tally = tally_of(PLANS)
    assert tally.actions == {"inserted": 2, "skipped": 2, "updated": 1, "unarchived": 1}
    assert (tally.trials, tally.planned, tally.bare) == (10, 6, 2)


def test_the_order_of_the_plans_makes_no_difference() -> None:
    tallies = [tally_of(order) for order in itertools.permutations(PLANS)]
    assert all(tally == tallies[0] for tally in tallies)


def test_counting_leaves_the_tally_as_it_was() -> None:
    tally = tally_of(PLANS[:1])
    tally.plus(PLANS[1])
    assert tally == tally_of(PLANS[:1])


@pytest.mark.parametrize(
    ("regimes", "bare"),
    [((CALM, None), 0), ((None, CALM), 0), ((CALM, CALM), 0), ((None, None), 1)],
)
def test_a_trial_is_bare_when_neither_side_of_its_window_has_a_regime(
    regimes: tuple[str | None, str | None], bare: int
) -> None:
    row = {"action": "inserted", "regime_is": regimes[0], "regime_oos": regimes[1]}
    assert Tally().plus(Planned(1, frame([row], SCHEMA))).bare == bare


# --- the report -----------------------------------------------------------------------------------


def test_every_trial_in_scope_is_in_one_count() -> None:
    found = report(scope(incoming("a", "b")), tally_of(PLANS))
    actions = (found.inserted, found.updated, found.skipped, found.unarchived)
    assert actions == (2, 1, 2, 1)
    assert sum(actions) + found.not_eligible == 10
    assert found.not_embedded == 2
    assert found.counts() == {
        "inserted": 2,
        "updated": 1,
        "skipped": 2,
        "unarchived": 1,
        "error": 0,
    }


def test_a_row_with_several_faults_is_one_error() -> None:
    rejects = frame([{"row": n} for n in (3, 3, 7)], {"row": pl.Int64, **REJECTS})
    bad = batch(incoming("a"), rejects=rejects, n_rows=9)
    found = report(scope(batch=bad))
    assert (found.error, found.rows) == (2, 9)


def test_a_run_over_what_is_stored_has_no_rows_and_no_errors() -> None:
    found = report(scope(), tally_of(PLANS))
    assert (found.rows, found.error, found.rejects.height) == (0, 0, 0)


def test_windows_and_where_the_vectors_went_are_said() -> None:
    run = scope(incoming("a"), windows=windows(("w1", CALM, None), ("w2", CALM, None)), measured=1)
    found = report(run, dry_run=True, rejects_path=Path("r.csv"))
    assert (found.windows, found.windows_measured) == (2, 1)
    assert (found.collection, found.embed_model, found.workspace) == ("c", "m", "default")
    assert (found.run_id, found.source, found.dry_run) == ("run1", "trials.csv", True)
    assert found.rejects_path == Path("r.csv")


DOUBLED = "the windows have doubled: features are scaled anew, stored trials updated"
OUT = "1,200 rows equal trials that were withdrawn: they stay out"
BARE = "2 trials have no regime: they count as evidence"
HERE = before(windows=stored(("w1", CALM, None)))


@pytest.mark.parametrize(
    ("run", "tally", "notes"),
    [
        (scope(incoming("a")), Tally(), []),
        (scope(incoming("a"), refit=True), Tally(), []),  # the first fit is no news
        (scope(incoming("a"), refit=True, before=HERE), Tally(), [DOUBLED]),
        (scope(incoming("a"), stay_out=1200), Tally(), [OUT]),
        (scope(incoming("a")), Tally(bare=2), [BARE]),
        (
            scope(
                batch=batch(incoming("a"), notes=("of the source",)),
                notes=("of the run",),
                refit=True,
                before=HERE,
                stay_out=1200,
            ),
            Tally(bare=2),
            ["of the source", "of the run", DOUBLED, OUT, BARE],
        ),
    ],
)
def test_notes_come_from_the_source_then_the_run_then_the_counts(
    run: Scope, tally: Tally, notes: list[str]
) -> None:
    found = report(run, tally).notes
    assert len(found) == len(notes)
    assert all(note.startswith(text) for note, text in zip(found, notes, strict=True))


# --- as text --------------------------------------------------------------------------------------


def test_the_short_form_names_only_what_happened() -> None:
    run = scope(incoming("a"))
    assert repr(report(run, tally_of(PLANS[:1]))) == "<IngestReport: 2 inserted, 1 skipped>"
    assert repr(report(run, dry_run=True)) == "<IngestReport (dry run): nothing to do>"


def test_the_long_form_shows_five_problems_and_where_the_rest_is() -> None:
    rejects = pl.DataFrame({"row": list(range(7))}).with_columns(
        field=pl.lit("sharpe"), message=pl.lit("no number"), remedy=pl.lit("give one"), values=None
    )
    bad = batch(incoming("a"), rejects=rejects, notes=("a note",))
    found = report(scope(batch=bad), dry_run=True, rejects_path=Path("r.csv"))
    assert str(found).splitlines() == [
        "dry run, nothing written: trials.csv: 0 inserted, 0 updated, 0 skipped, 0 unarchived, "
        "7 error; 1 windows",
        "  note: a note",
        *(f"  row {n}, sharpe: no number (give one)" for n in range(5)),
        "  ... and 2 more problems",
        "  rejected rows: r.csv: correct and ingest it, as before",
    ]


def test_the_json_form_holds_twenty_problems_and_the_path_as_text() -> None:
    rejects = pl.DataFrame({"row": list(range(25))})
    plain = report(scope(batch=batch(incoming("a"), rejects=rejects))).to_dict()
    assert [row["row"] for row in plain["rejects"]] == list(range(20))
    assert plain["rejects_path"] is None
    found = report(scope(batch=batch(incoming("a"))), rejects_path=Path("r.csv")).to_dict()
    assert found["rejects_path"] == "r.csv"
    assert found["notes"] == []
