"""The outcome of a run follows from what was done and from what stays open."""

from __future__ import annotations

from itertools import product

from tradingkb.runbooks.book.result import Action, ActionState, Finding, Severity, outcome_of

STATES: tuple[ActionState, ...] = ("planned", "done", "failed", "skipped")
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


def action(state: ActionState, key: str = "a") -> Action:
    return Action(key=key, what="something", state=state)


def found(severity: Severity, healed_by: str | None = None) -> Finding:
    return Finding(what="something", severity=severity, healed_by=healed_by)


def test_what_was_done_is_done_and_nothing_is_nothing_to_do():
    assert outcome_of([action("done")], [found("info")]) == "done"
    assert outcome_of([], [found("info")]) == "nothing_to_do"


def test_a_plan_and_an_open_finding_need_a_decision():
    assert outcome_of([action("planned")], []) == "needs_decision"
    assert outcome_of([action("done")], [found("warning")]) == "needs_decision"
    assert outcome_of([], [found("critical")]) == "needs_decision"


def test_a_finding_is_closed_by_the_action_that_heals_it_once_that_is_done():
    assert outcome_of([action("done")], [found("warning", "a")]) == "done"
    assert outcome_of([action("planned")], [found("warning", "a")]) == "needs_decision"
    assert outcome_of([action("done")], [found("warning", "b")]) == "needs_decision"


def test_whatever_failed_is_failed_whatever_else_there_is():
    for state, severity in product(STATES, SEVERITIES):
        assert outcome_of([action("failed"), action(state, "b")], [found(severity)]) == "failed"
        assert outcome_of([action(state)], [found(severity)], broken=True) == "failed"
