"""What would happen to each trial, and the hashes that say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tradingkb.indexing import plan as plan_module
from tradingkb.indexing.plan import Recipe, content_hashes, make_plan

RECIPE = Recipe("regime-v1", "regime-v1/scaler-1", "kb_regime_v1_v1")
TRIAL = {
    "source_type": "import",
    "source_id": "a",
    "row_hash": "r",
    "kb_status": "candidate",
    "window_key": "w",
    "regime_is": '{"is":1}',
    "regime_oos": None,
}
INDEX = {
    "source_type": pl.String,
    "source_id": pl.String,
    "content_hash": pl.String,
    "archived_at": pl.Datetime("us", "UTC"),
}
SCHEMA = dict.fromkeys(TRIAL, pl.String)


def trials_of(*changes: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{**TRIAL, **change} for change in changes], schema=SCHEMA)


def content_hash(recipe: Recipe = RECIPE, **change: Any) -> str:
    return content_hashes(trials_of(change), recipe)[0]


def index_of(*rows: tuple[str, str, datetime | None]) -> pl.DataFrame:
    return pl.DataFrame([("import", *row) for row in rows], schema=INDEX, orient="row")


def test_each_trial_is_classified_by_its_index_entry() -> None:
    trials = trials_of(
        *({"source_id": name} for name in ("new", "same", "other", "archived", "archived_other"))
    )
    now, same = datetime(2024, 1, 1, tzinfo=UTC), content_hash()
    index = index_of(
        ("same", same, None),
        ("other", "old", None),
        ("archived", same, now),
        ("archived_other", "old", now),
        ("gone", same, None),
    )
    plan = make_plan(trials, index, RECIPE)
    assert dict(plan.select("source_id", "action").rows()) == {
        "new": "inserted",
        "same": "skipped",
        "other": "updated",
        "archived": "unarchived",
        "archived_other": "unarchived",
    }
    assert plan["source_id"].to_list() == trials["source_id"].to_list()


def test_the_same_id_of_another_source_type_is_another_trial() -> None:
    index = index_of(("a", content_hash(), None))
    plan = make_plan(trials_of({"source_type": "optuna"}), index, RECIPE)
    assert plan["action"].to_list() == ["inserted"]


def test_trials_that_are_not_eligible_are_left_out() -> None:
    statuses = ("candidate", "promoted", "rejected")
    trials = trials_of(*({"source_id": s, "kb_status": s} for s in statuses))
    plan = make_plan(trials, index_of(), RECIPE)
    assert plan["source_id"].to_list() == ["candidate", "promoted"]


def test_a_plan_of_nothing_is_empty_and_has_its_columns() -> None:
    plan = make_plan(trials_of(), index_of(("a", "x", None)), RECIPE)
    assert plan.is_empty()
    assert {"action", "content_hash"} <= set(plan.columns)


@pytest.mark.parametrize(
    "change",
    [
        {"row_hash": "other"},
        {"kb_status": "promoted"},
        {"regime_is": '{"is":2}'},
        {"regime_is": None},
        {"regime_oos": '{"oos":1}'},
        {"regime_is": None, "regime_oos": '{"is":1}'},
    ],
)
def test_the_content_hash_changes_with_the_trial(change: dict[str, Any]) -> None:
    assert content_hash(**change) != content_hash()


@pytest.mark.parametrize("part", ["model", "pipeline", "collection"])
def test_the_content_hash_changes_with_the_recipe(part: str) -> None:
    assert content_hash(replace(RECIPE, **{part: "other"})) != content_hash()


def test_the_content_hash_changes_with_the_regime_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_hash()
    monkeypatch.setattr(plan_module, "REGIME_SCHEMA_VERSION", 999)
    assert content_hash() != before


def test_the_content_hash_does_not_depend_on_the_other_trials() -> None:
    trials = trials_of({"window_key": "x", "regime_is": "{}"}, {}, {"row_hash": "z"})
    assert content_hashes(trials, RECIPE)[1] == content_hash()
