"""What cells show: as rich output in a notebook, as text elsewhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tradingkb.printable import printable
from tradingkb.runbooks.book.result import Action, Finding, NextStep, Outcome

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.presentation import Table

_COLUMNS: Final = ("state", "what", "expected", "actual", "differs", "seconds", "error", "undo")

_OUTCOMES: Final[Mapping[Outcome, str]] = {
    "done": "Done: everything that was planned was carried out, and nothing stays open.",
    "nothing_to_do": "Nothing to do.",
    "needs_decision": "Somebody has to decide.",
    "failed": "Failed.",
}
_MARKS: Final = {"info": "", "warning": "**Warning:** ", "critical": "**Critical:** "}


def show_bundle(bundle: Mapping[str, Any]) -> None:
    """One output with several forms; its text where nothing shows more."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ModuleNotFoundError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        print(bundle["text/plain"])  # noqa: T201 - a program runs the cells
    else:
        display(dict(bundle), raw=True)  # type: ignore[no-untyped-call]


def show_markdown(text: str) -> None:
    """A line or more of Markdown."""
    show_bundle({"text/markdown": text, "text/plain": text})


def table(frame: pl.DataFrame, title: str = "", empty: str = "none") -> Table:
    """A frame as a table that people read."""
    from tradingkb.presentation import Table

    return Table(frame.to_dicts(), title, empty)


def action_table(actions: Sequence[Action], title: str) -> Table:
    """Actions, one row each; columns that say nothing are left out."""
    from tradingkb.presentation import Table

    rows = [one.model_dump(exclude={"key"}) for one in actions]
    names = [name for name in _COLUMNS if any(row[name] not in (None, []) for row in rows)]
    return Table([{name: _cell(row[name]) for name in names} for row in rows], title, "no step")


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(found)}" for name, found in value.items())
    return "; ".join(value) if isinstance(value, list) else value


def conclusion(
    findings: Sequence[Finding],
    actions: Sequence[Action] = (),
    next_steps: Sequence[NextStep] = (),
    outcome: Outcome | None = None,
) -> str:
    """Findings, actions and next steps in Markdown."""
    lines = [f"## {_OUTCOMES[outcome]}"] if outcome else []
    done = {one.key for one in actions if one.state == "done"}
    lines += [
        f"{'- ' if outcome else ''}{_mark(found, done)}{_text(found.what)}{_evidence(found)}"
        for found in findings
    ]
    if actions:
        lines += ["", "### Actions"]
        lines += [f"- {one.state}: {_text(one.what)}{_ended(one)}" for one in actions]
    if next_steps:
        lines += ["", "### Next"]
        for step in next_steps:
            lines.append(
                f"- {_text(step.why)}" + (f": {_code(step.command)}" if step.command else "")
            )
    return "\n".join(lines)


def _mark(found: Finding, done: Collection[str]) -> str:
    """How bad a finding is; what an action has removed is told as healed by it."""
    healed = found.severity != "info" and found.healed_by in done
    return f"**Healed by {found.healed_by}:** " if healed else _MARKS[found.severity]


def _code(command: str) -> str:
    """A command between marks that it does not hold itself."""
    return f"`` {command} ``" if "`" in command else f"`{command}`"


def _evidence(found: Finding) -> str:
    shown = ", ".join(f"{name} {_value(value)}" for name, value in found.evidence.items())
    return f" ({shown})" if shown else ""


def _value(value: Any) -> str:
    return _text(value if isinstance(value, str) else json.dumps(value))


def _ended(action: Action) -> str:
    parts = [f"{action.error}"] if action.error else list(action.differs)
    told = f" ({_text('; '.join(parts))})" if parts else ""
    undo = action.undo if action.state == "done" else None
    return told + (f"; to undo it: {_code(undo)}" if undo else "")


def _text(text: str) -> str:
    """One line, with nothing that a terminal obeys."""
    return printable(" ".join(text.split()))
