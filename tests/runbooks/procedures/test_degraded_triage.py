"""Runbook 05: the patterns of degraded answers, and what helps each."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import tradingkb as tkb
from tests.runbooks.procedures.conftest import Play
from tradingkb.recommend import CODES
from tradingkb.runbooks.procedures import answer_rates, degraded_triage


def test_each_pattern_is_counted_by_strategy_with_its_action(played_asked: Play) -> None:
    found = played_asked("05")
    assert found.found("11 of 20 answers are degraded").evidence["may_be"] == 0.2
    told = [
        tuple(row[k] for k in ("cause", "answers", "alone", "strategies"))
        for row in found.rows("Patterns")
    ]
    assert told == [
        ("metadata_only", 3, 3, "s (3)"),
        ("strict_to_relaxed", 2, 2, "deep (2)"),
        ("repaired_params", 2, 2, "mended (2)"),
        ("low_count", 2, 2, "few (2)"),
        ("missing_regime_context", 2, 2, "s (2)"),
    ]
    assert found.found("metadata_only").severity == "warning"
    assert found.found("repaired_params").severity == "info"
    by = found.names["degraded_triage"].by_pattern(found.names["found"])
    assert ("s", "metadata_only", 3) in by.rows()
    assert ("s", "missing_regime_context", 2) in by.rows()


def test_each_pattern_is_shown_with_what_it_comes_from(played_asked: Play) -> None:
    found = played_asked("05")
    assert found.rows("Repaired parameters") == [
        {
            "strategy_name": "mended",
            "parameter": "fast",
            "answers": 2,
            "example": "20 is above 19, set to 19",
        }
    ]
    behind = {row["strategy_name"]: row for row in found.rows("What stands behind")}
    assert (behind["few"]["n_trials"], behind["few"]["n_windows"]) == (1, 1)
    assert behind["deep"]["after_strict"] == 0 < behind["deep"]["after_relaxed"]
    assert found.rows("Who asks without a market") == [
        {"source": "python", "replica": "local", "strategy_name": "s", "answers": 2}
    ]
    strict = [row for row in found.rows("Rejections") if row["strategy_name"] == "deep"]
    assert [row["filter"] for row in strict] == ["max_drawdown"]
    assert [figure.layout.title.text for figure in found.figures] == [
        "Answers by status (n = 20)",
        "Degraded answers by strategy and pattern (n = 11 answers; one may show several)",
    ]


def test_a_lost_index_is_made_again_and_the_rest_is_said_with_its_command(
    played_asked: Play,
) -> None:
    planned = played_asked("05")
    assert planned.states == {"reindex": "planned"}
    whys = [step.why for step in planned.result.next_steps]
    assert sum(why.endswith("run 06_trial_ingestion with -p trials=FILE") for why in whys) == 1
    assert not any("06_trial_ingestion" in command for command in planned.commands)
    done = played_asked("05", dry_run=False)
    assert done.states == {"reindex": "done"}
    assert done.result.actions[0].differs == []
    assert done.found("verified: the index lacks nothing").severity == "info"
    again = played_asked("05", dry_run=False)
    assert again.states == {}
    assert any("02_qdrant_collection_rebuild" in command for command in again.commands)


def test_callers_without_a_market_are_told_how_to_give_one(played_asked: Play) -> None:
    (step,) = [one for one in played_asked("05").result.next_steps if "gave no market" in one.why]
    assert step.why.startswith("callers have to give bars (ohlcv) or a regime")
    assert "s (2)" in step.why
    assert step.command == (
        "tradingkb recommend s --workspace default --regime=uptrend,low_volatility"
    )


@pytest.mark.parametrize("alert", ["none", "info"])
def test_more_degraded_answers_than_there_may_be_stay_open(
    home: Path, played: Play, monkeypatch: pytest.MonkeyPatch, alert: str
) -> None:
    """An alert that only informs does not make the share well."""
    with tkb.connect(home, progress=False) as kb:
        for _ in range(3):
            assert kb.recommend("s").reasons == ("missing_regime_context",)
    if alert == "info":
        problem = SimpleNamespace(severity="info", since_text=lambda: "now", title="many")
        monkeypatch.setattr(answer_rates, "open_problem", lambda *_: problem)
    ran = played("05", dry_run=False)
    assert ran.states == {}
    assert ran.found("3 of 3 answers are degraded").severity == "warning"
    assert ran.result.outcome == "needs_decision"
    assert any("gave no market" in step.why for step in ran.result.next_steps)


def test_every_code_of_a_pattern_is_one_that_answers_give() -> None:
    told = frozenset().union(*(pattern.codes for pattern in degraded_triage.PATTERNS))
    assert told <= set(CODES)
