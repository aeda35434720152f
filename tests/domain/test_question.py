"""A question is checked when it is asked, and has a time by which it wants its answer."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.domain.question import Deadline, Market, Question
from tradingkb.domain.regime import Regime
from tradingkb.exceptions import DeadlineExceededError, InvalidInputError


@pytest.mark.parametrize(
    ("regime", "kind"),
    [
        (None, "none"),
        (Regime(features={"drift": 0.1}), "measured"),
        (Regime.stated(tags=["uptrend"]), "stated"),
    ],
)
def test_a_market_is_measured_stated_or_not_given(regime: Regime | None, kind: str) -> None:
    assert Market(regime).kind == kind


@pytest.mark.parametrize(
    "facts",
    [
        {"mode": "debug"},
        {"mode": "full"},
        *({"caller": c} for c in ("python", "cli", "http", "dashboard", "runbook", "probe")),
        {"min_deflated_sharpe": 0, "max_pbo": 1},
        {"min_deflated_sharpe": 1.0, "max_pbo": 0.0},
        {"request_id": "x" * 64},
        {"request_id": ""},
    ],
)
def test_what_may_be_asked_is_taken_as_it_is(facts: dict[str, Any]) -> None:
    question = Question("s", **facts)
    assert {name: getattr(question, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("facts", "message", "remedy"),
    [
        ({"mode": "fast"}, "'fast' is not a mode", "use full or debug"),
        (
            {"caller": "me"},
            "'me' is not a caller",
            "use python or cli or http or dashboard or runbook or probe",
        ),
        ({"max_pbo": 1.01}, "1.01 is no probability", "give a number from 0 to 1"),
        ({"max_pbo": -0.01}, "-0.01 is no probability", "give a number from 0 to 1"),
        ({"min_deflated_sharpe": 5}, "5 is no probability", "give a number from 0 to 1"),
        (
            {"strategy_name": ""},
            "'' is no strategy name",
            "name a strategy; kb.strategies() lists them",
        ),
        (
            {"strategy_name": 5},
            "5 is no strategy name",
            "name a strategy; kb.strategies() lists them",
        ),
        (
            {"request_id": "x" * 65},
            f"{'x' * 65!r} is no request id",
            "give at most 64 printable characters, or none",
        ),
        (
            {"request_id": "a\nb"},
            r"'a\nb' is no request id",
            "give at most 64 printable characters, or none",
        ),
        ({"request_id": 5}, "5 is no request id", "give at most 64 printable characters, or none"),
        ({"max_pbo": "a"}, "'a' is no probability", "give a number from 0 to 1"),
        ({"min_deflated_sharpe": True}, "True is no probability", "give a number from 0 to 1"),
        ({"strategy_version": 1}, "1 is no text", "give a text or none"),
    ],
)
def test_what_means_nothing_is_refused_by_name(
    facts: dict[str, Any], message: str, remedy: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Question(**{"strategy_name": "s", **facts})
    assert message in str(caught.value)
    assert (caught.value.field, caught.value.remedy) == (next(iter(facts)), remedy)


@pytest.mark.parametrize("name", ["symbol", "timeframe"])
@pytest.mark.parametrize(("value", "message"), [(5, "is no text"), ("\ud800", "can be stored")])
def test_a_market_that_no_event_could_hold_is_refused_by_name(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        Market(**{name: value})
    assert caught.value.field == name


def test_what_a_caller_does_to_own_trades_later_changes_no_question() -> None:
    mine = {"{}": 3.0}
    question = Question("s", own_trades=mine)
    mine["x"] = 5.0
    assert question.own_trades == {"{}": 3.0}


def test_a_refusal_does_not_repeat_an_id_of_any_length() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Question("s", request_id="x" * 10_000)
    assert "x" * 80 in str(caught.value)
    assert "x" * 81 not in str(caught.value)


@pytest.mark.parametrize("now", [9.0, 10.0])
def test_until_its_deadline_a_question_goes_on(now: float) -> None:
    Question("s", deadline=Deadline(10.0, lambda: now)).check_deadline("reading")


def test_a_question_without_a_deadline_waits_for_its_answer() -> None:
    Question("s").check_deadline("reading")


@pytest.mark.parametrize(("now", "late"), [(10.0625, "0.1"), (11.25, "1.2"), (70.0, "60.0")])
def test_after_its_deadline_a_question_ends_and_says_what_was_done_last(
    now: float, late: str
) -> None:
    question = Question("s", deadline=Deadline(10.0, lambda: now))
    with pytest.raises(DeadlineExceededError) as caught:
        question.check_deadline("reading")
    assert str(caught.value) == (
        f"the answer was not ready in time: {late} s late after reading; "
        "ask again, or allow more time"
    )
