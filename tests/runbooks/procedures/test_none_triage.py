"""Runbook 04: why answers are none, and what helps."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tradingkb as tkb
from tests.runbooks.procedures.conftest import Play
from tests.small_store import REGIME_V1
from tradingkb.cli.app import app
from tradingkb.exceptions import BackendUnavailableError
from tradingkb.runbooks import Run
from tradingkb.runbooks.procedures import answer_rates, none_triage
from tradingkb.vectors.embedded import EmbeddedVectorIndex

LOST = f"collection {REGIME_V1} does not exist"


def test_it_names_share_reasons_and_root_causes_and_changes_nothing(played_asked: Play) -> None:
    found = played_asked("04")
    assert found.result.outcome == "needs_decision"
    assert found.result.actions == []
    share = found.found("5 of 20 answers are none").evidence
    assert (share["share"], share["may_be"]) == (0.25, 0.05)
    assert found.rows("By strategy")[:2] == [
        {"strategy_name": "s", "answers": 12, "none": 3, "share": 0.25},
        {"strategy_name": "empty", "answers": 2, "none": 2, "share": 1.0},
    ]
    assert [(row["reason"], row["answers"]) for row in found.rows("Reasons")] == [
        ("no_matches_after_relaxed_filters", 3),
        ("no_matches_after_strict_filters", 3),
        ("collection_empty", 2),
        ("no_trials_for_strategy", 2),
    ]
    causes = found.rows("Root causes")
    told = [tuple(r[k] for k in ("cause", "answers", "alone", "holds_now")) for r in causes]
    assert told == [
        ("collection_empty", 2, 0, LOST),
        ("filters", 3, 3, ""),
        ("no_data", 2, 0, ""),
    ]
    assert found.found("Collection empty").severity == "warning"
    index, ingest = found.result.next_steps[-2:]
    assert (index.command or "").endswith("-p apply=true -p dry_run=false")
    # Without a file of trials 06 would find nothing to do: no command says that.
    assert ingest.command is None
    assert ingest.why.endswith("run 06_trial_ingestion with -p trials=FILE")


def test_the_smallest_change_that_helps_is_tried_and_told_to_the_caller(played_asked: Play) -> None:
    found = played_asked("04")
    (empty, filters) = found.rows("Asked again")
    assert (empty["as_of_then"], empty["now"]) == ("none", "none")
    (change,) = found.rows("What the caller may send")
    assert (filters["as_of_then"], filters["now"], change["with_it"]) == (
        "none",
        "none",
        "degraded",
    )
    assert filters["turned_away"] == "min_trades 9999: 24 (24 alone)"
    assert change["relax"] == "min_trades: 9999 to 20 (24 trials of 12 windows)"
    assert json.loads(change["request"]) == {
        "workspace_id": "default",
        "strategy_name": "s",
        "objective_type": "sharpe",
        "min_trades": 20,
    }
    command = (
        "tradingkb recommend s --objective sharpe --workspace default "
        "--regime=volatility_annual=0.3 --min-trades=20"
    )
    assert change["command"] == command
    assert command in found.commands
    said = found.found("s: with min_trades").what
    assert said.endswith("and the market that was given the answer is degraded")
    (turned_away,) = found.rows("Rejections")[:1]
    assert (turned_away["filter"], turned_away["saved"]) == ("min_trades", 3)


@pytest.mark.parametrize("market", ["measured", "stated", "none"])
def test_the_printed_command_answers_as_it_is_said_to(
    home: Path, played: Play, market: str
) -> None:
    with tkb.connect(home, progress=False) as kb:
        found = json.loads(kb.trials(strategy_name="s", limit=1)["regime_oos"][0])
        given = {
            "measured": tkb.Regime.from_dict(found | {"source": "measured"}),
            "stated": ["uptrend", "low_volatility"],
            "none": None,
        }[market]
        asked = kb.recommend("s", regime=given, min_trades=9999)
        assert asked.status == "none"
    ran = played("04")
    (change,) = ran.rows("What the caller may send")
    (step,) = [step for step in ran.result.next_steps if step.command == change["command"]]
    assert ("--regime=" in change["command"]) == (market != "none")
    assert ("states the regime of those bars, and answers" in step.why) == (market == "measured")
    _, *words = shlex.split(change["command"])
    done = CliRunner().invoke(app, ["--home", str(home), *words, "--json"])
    answer = json.loads(done.stdout)
    assert answer["status"] == change["command_answers"]
    if market == "none":
        assert answer["status"] == "degraded"
    else:
        assert "missing_regime_context" not in answer["reasons"]


def test_trials_without_the_metrics_of_an_objective_are_not_called_missing(
    home: Path, played: Play
) -> None:
    with tkb.connect(home, progress=False) as kb:
        assert kb.recommend("s", "sortino").reasons == ("no_score_for_objective",)
    found = played("04")
    assert [row["cause"] for row in found.rows("Root causes")] == ["no_metrics"]
    assert found.found("The trials lack the metrics of sortino: 1 answers")
    (step,) = found.result.next_steps
    assert step.command is None
    assert step.why == (
        "The trials lack the metrics of sortino (s (1)): ingest them: "
        "run 06_trial_ingestion with -p trials=FILE"
    )


def test_what_it_asks_counts_in_no_rate(played_asked: Play) -> None:
    first, second = played_asked("04"), played_asked("04")
    assert first.names["found"].n == second.names["found"].n == 20


def test_probes_take_no_place_among_the_newest_answers(
    asked_copy: Path, played_asked: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tkb.connect(asked_copy, progress=False) as kb:
        for _ in range(3):
            kb.recommend("s", min_trades=9999, caller="probe")
    monkeypatch.setattr(answer_rates, "MOST", 2)
    assert played_asked("04").names["found"].events["source"].to_list() == ["python"] * 2


@pytest.mark.parametrize("name", ["02", "04"])
def test_fewer_than_no_question_is_refused(played_asked: Play, name: str) -> None:
    given = {"02": "questions", "04": "requests"}[name]
    with pytest.raises(tkb.InvalidInputError, match=f"{given}: -1 is no number of {given}"):
        played_asked(name, **{given: -1})


def test_charts_say_their_units_and_how_many_answers_they_are_of(played_asked: Play) -> None:
    figures = played_asked("04").figures
    titles = [figure.layout.title.text for figure in figures]
    assert titles == [
        "Answers by status (n = 20)",
        "Why answers are none (n = 5; one may name several causes)",
    ]
    axes = [figure.layout.xaxis.title.text for figure in figures]
    assert axes == ["hour (UTC)", "answers"]
    assert figures[0].layout.yaxis.title.text == "share of answers, %"
    lines = [note.text for note in figures[0].layout.annotations]
    assert lines == ["critical: none above 50 % in 1 h", "warning: none above 20 % in 6 h"]


def test_it_indexes_what_is_stored_with_apply_and_without_a_dry_run_only(
    played_asked: Play,
) -> None:
    assert played_asked("04", dry_run=False).states == {}
    planned = played_asked("04", apply=True)
    assert planned.states == {"reindex": "planned"}
    done = played_asked("04", apply=True, dry_run=False)
    assert done.states == {"reindex": "done"}
    assert done.result.actions[0].expected == planned.result.actions[0].expected
    assert done.result.actions[0].differs == []
    assert done.found("verified: the index lacks nothing").severity == "info"
    again = played_asked("04", apply=True, dry_run=False)
    assert again.states == {}, "the cause holds no more"


def test_an_index_that_cannot_be_written_is_a_failed_run(
    played_asked: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise BackendUnavailableError("the vector index is away")

    monkeypatch.setattr(EmbeddedVectorIndex, "upsert", away)
    failed = played_asked("04", apply=True, dry_run=False)
    assert failed.result.outcome == "failed"
    assert failed.states == {"reindex": "failed"}
    assert "the vector index is away" in str(failed.result.actions[0].error)


def test_nothing_is_verified_by_an_index_that_does_not_answer(
    played_asked: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise BackendUnavailableError("the vector index is away")

    def carried_out(run: Run) -> Any:
        table = carry_out(run)
        monkeypatch.setattr(EmbeddedVectorIndex, "collections", away)
        return table

    carry_out = Run.carry_out
    monkeypatch.setattr(Run, "carry_out", carried_out)
    failed = played_asked("04", apply=True, dry_run=False)
    assert failed.states == {"reindex": "done"}
    assert failed.result.outcome == "failed"
    assert not [one for one in failed.result.findings if one.what.startswith("verified")]


def test_one_strategy_and_a_time_narrow_what_is_looked_at(played_asked: Play) -> None:
    found = played_asked("04", strategy="empty", since="")
    assert found.found("2 of 2 answers are none").evidence["share"] == 1
    begin = f"{found.names['found'].rates['at'].min():%Y-%m-%dT%H:%M:%S.%fZ}"
    later = played_asked("04", since=begin)  # as problems fill it in
    assert later.names["found"].n == 20
    nothing = played_asked("04", strategy="mended")
    assert nothing.found("0 of 2 answers are none").evidence["share"] == 0
    assert nothing.result.outcome == "nothing_to_do"
    with pytest.raises(tkb.InvalidInputError, match="since: 'soon'"):
        played_asked("04", since="soon")
    with pytest.raises(tkb.NotFoundError, match="did you mean mended"):
        played_asked("04", strategy="mendd")


def test_every_reason_of_an_answer_without_parameters_has_a_root_cause() -> None:
    """Codes of `none`, as the judging gives them; a new one needs a line in the table."""
    from tradingkb.recommend import CODES

    told = frozenset().union(*(cause.codes for cause in none_triage.CAUSES))
    assert told <= set(CODES)
    named = {code for code in CODES if code.startswith(("no_trials", "no_matches", "all_trials"))}
    assert named - told == {"no_trials_of_timeframe"}, "which is a caveat of an answer"
