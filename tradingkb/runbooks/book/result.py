"""What a run says at its end: for programs, and kept with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["done", "nothing_to_do", "needs_decision", "failed"]
Severity = Literal["info", "warning", "critical"]
ActionState = Literal["planned", "done", "failed", "skipped"]
#: Of the last output of a notebook.
MIMETYPE: Final = "application/vnd.tradingkb.result+json"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Value):
    """Something that was seen, with the figures that show it.

    Attributes:
        what: a sentence.
        severity: how bad it is; of "info" nothing has to be decided.
        evidence: figures and names.
        healed_by: key of the action that removes it, if one does.
    """

    what: str
    severity: Severity = "info"
    evidence: dict[str, Any] = {}
    healed_by: str | None = None


class Action(_Value):
    """A step of the plan, and what became of it.

    Attributes:
        key: names it in this run.
        what: a sentence.
        state: planned (a dry run), done, failed, or skipped after one that failed.
        expected: figures of the plan.
        actual: figures of what was done.
        differs: where the two differ, a sentence each.
        undo: command or sentence; None where there is nothing to undo.
        seconds: that it took.
        error: why it failed.
    """

    key: str
    what: str
    state: ActionState
    expected: dict[str, Any] | None = None
    actual: dict[str, Any] | None = None
    differs: list[str] = []
    undo: str | None = None
    seconds: float | None = None
    error: str | None = None


class NextStep(_Value):
    """What to do next: why, and by which command (None where there is none)."""

    why: str
    command: str | None = None


class Result(_Value):
    """The result of a run.

    Attributes:
        runbook: which.
        version: of its notebook.
        workspace: as given.
        dry_run: whether it only planned.
        parameters: all, with defaults.
        outcome: done (it acted, and nothing stays open), nothing_to_do, needs_decision (a plan that
            was not carried out, or a finding that stays open) or failed.
        findings: what was seen, in order.
        actions: what was planned or done, in order.
        next_steps: what to do now.
    """

    runbook: str
    version: str
    workspace: str
    dry_run: bool
    parameters: dict[str, Any]
    outcome: Outcome
    findings: list[Finding]
    actions: list[Action]
    next_steps: list[NextStep]


#: JSON schema of `Result`.
RESULT_SCHEMA: Final[dict[str, Any]] = Result.model_json_schema()


def outcome_of(
    actions: Sequence[Action], findings: Sequence[Finding], *, broken: bool = False
) -> Outcome:
    """The outcome of a run.

    Args:
        actions: what became of the plan.
        findings: what was seen.
        broken: whether a verification failed.
    """
    states = {one.state for one in actions}
    if broken or "failed" in states:
        return "failed"
    done = {one.key for one in actions if one.state == "done"}
    is_open = [f for f in findings if f.severity != "info" and f.healed_by not in done]
    if "planned" in states or is_open:
        return "needs_decision"
    return "done" if "done" in states else "nothing_to_do"
