from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain.trial import METRICS
from tradingkb.indexing import plan as plan_module
from tradingkb.indexing.plan import Target, content_hashes, make_plan

TARGET = Target("regime-v1", "regime-v1/scaler-1", "kb_regime_v1_v1")
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


def content_hash(target: Target = TARGET, **change: Any) -> str:
    return content_hashes(trials_of(change), target)[0]


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
    plan = make_plan(trials, index, TARGET)
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
    plan = make_plan(trials_of({"source_type": "optuna"}), index, TARGET)
    assert plan["action"].to_list() == ["inserted"]


def test_trials_that_are_not_eligible_are_left_out() -> None:
    statuses = ("candidate", "promoted", "rejected")
    trials = trials_of(*({"source_id": s, "kb_status": s} for s in statuses))
    plan = make_plan(trials, index_of(), TARGET)
    assert plan["source_id"].to_list() == ["candidate", "promoted"]


def test_a_plan_of_nothing_is_empty_and_has_its_columns() -> None:
    plan = make_plan(trials_of(), index_of(("a", "x", None)), TARGET)
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
def test_the_content_hash_changes_with_the_target(part: str) -> None:
    assert content_hash(replace(TARGET, **{part: "other"})) != content_hash()


def test_the_content_hash_changes_with_the_regime_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_hash()
    monkeypatch.setattr(plan_module, "REGIME_SCHEMA_VERSION", 999)
    assert content_hash() != before


def test_the_content_hash_does_not_depend_on_the_other_trials() -> None:
    trials = trials_of({"window_key": "x", "regime_is": "{}"}, {}, {"row_hash": "z"})
    assert content_hashes(trials, TARGET)[1] == content_hash()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, (False, None, None, None)),
        (
            {"max_drawdown_frac_is": 0.3, "n_trades_is": 9, "sharpe_is": 1.0},
            (False, 0.3, 9, None),
        ),
        (
            {"sharpe_is": 2.0, "sharpe_oos": 0.5, "max_drawdown_frac_is": 0.3, "n_trades_is": 9},
            (True, None, 9, 1.5),
        ),
        (
            {
                "sharpe_is": 0.5,
                "sharpe_oos": 2.0,
                "max_drawdown_frac_oos": 0.1,
                "n_trades_is": 9,
                "n_trades_oos": 3,
            },
            (True, 0.1, 12, 0.0),
        ),
    ],
)
def test_filters_look_at_the_drawdown_of_the_sample_that_earned_the_score_and_all_trades(
    facts: dict[str, float], expected: tuple[Any, ...]
) -> None:
    names = [f"{metric}_{sample}" for metric in METRICS for sample in ("is", "oos")]
    kinds = {n: pl.Int64 if n.startswith("n_trades") else pl.Float64 for n in names}
    frame = pl.DataFrame([{name: facts.get(name) for name in names}], schema=kinds)
    found = frame.select(FILTER_COLUMNS)
    assert found.columns == ["has_oos", "max_drawdown", "n_trades", "overfit_gap"]
    assert found.row(0) == expected
